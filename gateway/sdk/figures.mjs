// SPDX-License-Identifier: Apache-2.0
// Measures a gateway through E2B's SDK, beside `docker exec` in the same sandboxes: docs/e2b.md has the figures.
// The sandboxes must run on this host, of which nothing else is asked. With GATEWAY_PID, its memory as well; with
// AT_ONCE, how long so many creates at once take.
//
//   npm ci && E2B_API_URL=http://127.0.0.1:3000 E2B_SANDBOX_URL=http://127.0.0.1:3000 E2B_API_KEY=e2b_… node figures.mjs
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Sandbox } from 'e2b'

const MIB = 1 << 20
const LIFE = { timeoutMs: 600_000 }

function quantile(times, share) {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

async function timed(action) {
  const began = performance.now()
  await action()
  return performance.now() - began
}

async function repeated(count, action) {
  const times = []
  for (let i = 0; i < count; i++) times.push(await timed(action))
  return times
}

function tell(what, times) {
  console.log(
    `| ${what} | ${quantile(times, 0.5).toFixed(1)} | ${quantile(times, 0.99).toFixed(1)} | ${times.length} |`)
}

function tellMemory(when) {
  const pid = process.env.GATEWAY_PID
  if (pid) {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]
    console.log(`| the gateway's memory ${when}, in MiB | ${(kib / 1024).toFixed(0)} | | 1 |`)
  }
}

function containerOf(sandbox) {
  const names = execFileSync('docker', ['ps', '--format', '{{.Names}}'], { encoding: 'utf8' })
  return names.split('\n').find((name) => name.replaceAll('-', '').includes(sandbox.sandboxId))
}

async function commands(sandbox) {
  const run = () => sandbox.commands.run('true')
  await repeated(200, run) // so that code is compiled
  tell('`commands.run("true")`', await repeated(300, run))
  const container = containerOf(sandbox)
  tell('`docker exec CONTAINER true`', await repeated(20, () => execFileSync('docker', ['exec', container, 'true'])))
}

async function creates() {
  const created = []
  const answered = []
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2000)) // the pool is filled again
    const began = performance.now()
    const sandbox = await Sandbox.create(LIFE)
    created.push(performance.now() - began)
    await sandbox.commands.run('true')
    answered.push(performance.now() - began)
    await sandbox.kill()
  }
  tell('`Sandbox.create()` with a warm slot', created)
  tell('create to the end of the first command', answered)
}

async function createsAtOnce(count) {
  const began = performance.now()
  const sandboxes = await Promise.all(Array.from({ length: count }, () => Sandbox.create(LIFE)))
  tell(`${count} creates at once`, [performance.now() - began])
  await Promise.all(sandboxes.map((sandbox) => sandbox.kill()))
}

async function files(sandbox) {
  const content = new Uint8Array(10 * MIB).map((_, i) => i * 7)
  tell('10 MiB up', await repeated(8, () => sandbox.files.write('file', content.buffer)))
  tell('10 MiB down', await repeated(8, async () => {
    const read = await sandbox.files.read('file', { format: 'bytes' })
    if (Buffer.compare(read, content) !== 0) throw new Error('what was read is not what was written')
  }))
}

async function openStreams(sandbox) {
  const running = []
  for (let i = 0; i < 7; i++) running.push(await sandbox.commands.run('sleep 60', { background: true }))
  tellMemory('with 7 idle streams')
  await Promise.all(running.map((command) => command.kill()))
}

console.log('| | p50, ms | p99, ms | of |\n|---|---|---|---|')
tellMemory('before')
const sandbox = await Sandbox.create(LIFE)
await commands(sandbox)
await creates()
await files(sandbox)
tellMemory('behind that')
await openStreams(sandbox)
await sandbox.kill()
if (process.env.AT_ONCE) await createsAtOnce(Number(process.env.AT_ONCE))
