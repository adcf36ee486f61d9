// SPDX-License-Identifier: Apache-2.0
// Checks of a gateway with one version of E2B's SDK. Prints one line of JSON for each check, whose result is "yes" if
// the gateway serves it, "no" if it refuses it as it should, for the reason in "why", "absent" if this version of the
// SDK does not have it or the check needs no SDK and another run has it, and "failed" if something else happened.
// docs/e2b.md has the table of them.
//
//   node checks.mjs PACKAGE URL KEY OTHER_TENANTS_KEY
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [packageName, url, apiKey, otherKey] = process.argv.slice(2)
process.env.E2B_API_URL = url
process.env.E2B_SANDBOX_URL = url
process.env.E2B_API_KEY = apiKey
const sdk = await import(packageName)
const { Sandbox } = sdk
const entry = createRequire(import.meta.url).resolve(packageName)
const version = JSON.parse(readFileSync(entry.replace(/dist.*/, 'package.json'))).version
const isAtLeast = (minor) => Number(version.split('.')[1]) >= minor

const speaksProtobuf = process.env.SPEAKS_PROTOBUF === 'yes' // see protobuf.mjs
const isNewest = packageName === 'e2b'
const checks = []
/** @param since the first minor version of the SDK that has what is checked */
const check = (call, option, run, since = 0) => checks.push({ call, option, run, since })
/** What the gateway refuses, and says so. */
const refused = (call, option, why, run, since = 0) => checks.push({ call, option, run, since, why })
/** What needs no SDK. */
const plain = (call, option, run, why) => checks.push({ call, option, run, since: isNewest && !speaksProtobuf ? 0 : Infinity, why })
/** The calls whose messages are in JSON or in Protobuf. */
const isRpc = (call) => /^(commands|handle|pty|files|disconnect)/.test(call)
const rejects = async (promise, name, text) => {
  const e = await promise.then(() => assert.fail('nothing was thrown'), (e) => e)
  assert.equal(e.name, name, `${e.name}: ${e.message}`)
  if (text) assert.match(e.message, text)
  return e
}
const until = async (condition, ms = 10_000) => {
  const end = Date.now() + ms
  while (!(await condition())) {
    assert.ok(Date.now() < end, `not within ${ms} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** A call of the control plane without the SDK; an error's name is its status. */
const control = async (method, path, body) => {
  const answer = await fetch(url + path, { method, headers: { 'X-API-KEY': apiKey, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) })
  const text = await answer.text()
  if (answer.ok) return text && JSON.parse(text)
  const { code, message } = JSON.parse(text)
  assert.equal(code, answer.status)
  throw Object.assign(new Error(message), { name: String(code) })
}

const mark = `mark-${Date.now()}-${process.pid}`
const sandbox = await Sandbox.create({ timeoutMs: 600_000, metadata: { mark, 'a b': 'c&d=e' }, envs: { FROM_CREATE: 'yes' } })
const { commands, files, pty } = sandbox

// --- sandboxes -----------------------------------------------------------------------------------
check('Sandbox.create', 'id', () => assert.match(sandbox.sandboxId, /^[a-z0-9]{32}$/))
check('Sandbox.create', 'envs', async () => assert.equal((await commands.run('echo $FROM_CREATE')).stdout, 'yes\n'))
check('Sandbox.create', 'template', async () => {
  const made = await Sandbox.create('data-science', { timeoutMs: 60_000 })
  assert.equal((await made.getInfo()).templateId, 'data-science')
  assert.equal((await made.commands.run('echo $PROFILE')).stdout, 'data-science\n')
  await made.kill()
})
check('Sandbox.create', 'template: unknown', () => rejects(Sandbox.create('nosuch'), 'SandboxError', /nosuch.*data-science/))
check('Sandbox.create', 'timeoutMs: too long', () => rejects(Sandbox.create({ timeoutMs: 1e12 }), 'SandboxError', /timeout/))
check('Sandbox.create', 'apiKey: wrong', () => rejects(Sandbox.create({ apiKey: 'e2b_00ff' }), 'AuthenticationError', /not valid/))
refused('Sandbox.create', 'allowInternetAccess: false', 'only where the template allows names', () => rejects(Sandbox.create({ allowInternetAccess: false }), 'SandboxError', /allow_internet_access/))
refused('Sandbox.create', 'network.denyOut', 'the operator decides what sandboxes may reach', () => rejects(Sandbox.create({ network: { denyOut: ['1.1.1.1'] } }), 'SandboxError', /denyOut/), 20)
check('Sandbox.create', 'metadata.user_id', async () => {
  const one = await Sandbox.create({ metadata: { user_id: mark }, timeoutMs: 60_000 })
  const two = await Sandbox.create({ metadata: { user_id: mark }, timeoutMs: 60_000 })
  assert.equal(one.sandboxId, two.sandboxId)
  assert.equal((await two.commands.run('echo 1')).stdout, '1\n')
  assert.equal(await Sandbox.kill(two.sandboxId), true)
})
check('Sandbox.create', 'timeoutMs: ends', async () => {
  const short = await Sandbox.create({ timeoutMs: 2_000 })
  assert.equal(await short.isRunning(), true)
  await until(async () => !(await short.isRunning()), 12_000)
  await rejects(Sandbox.getInfo(short.sandboxId), isAtLeast(20) ? 'SandboxNotFoundError' : 'NotFoundError')
})
check('isRunning', '', async () => assert.equal(await sandbox.isRunning(), true))
check('getInfo', 'metadata', async () => assert.deepEqual((await sandbox.getInfo()).metadata, { mark, 'a b': 'c&d=e' }))
check('getInfo', 'times', async () => {
  const info = await sandbox.getInfo()
  assert.ok(info.endAt - info.startedAt > 500_000, `${info.startedAt} ${info.endAt}`)
  assert.equal(info.state, 'running')
  assert.equal(info.templateId, 'base')
  assert.ok(info.cpuCount >= 1 && info.memoryMB >= 16)
})
check('getInfo', 'unknown', () => rejects(Sandbox.getInfo('0'.repeat(32)), isAtLeast(20) ? 'SandboxNotFoundError' : 'NotFoundError'))
check('getInfo', 'malformed id', () => rejects(Sandbox.getInfo('not-an-id'), 'SandboxError', /Invalid sandbox ID/))
check('Sandbox.list', 'metadata', async () => {
  const page = await Sandbox.list({ query: { metadata: { mark, 'a b': 'c&d=e' } } }).nextItems()
  assert.deepEqual(page.map((item) => item.sandboxId), [sandbox.sandboxId])
})
check('Sandbox.list', 'metadata: none match', async () => assert.deepEqual(await Sandbox.list({ query: { metadata: { mark: 'other' } } }).nextItems(), []))
check('Sandbox.list', 'state: paused', async () => assert.deepEqual(await Sandbox.list({ query: { state: ['paused'] } }).nextItems(), []))
check('Sandbox.list', 'limit, pages', async () => {
  const more = await Promise.all([1, 2, 3].map(() => Sandbox.create({ metadata: { pages: mark }, timeoutMs: 60_000 })))
  try {
    const seen = []
    const pages = Sandbox.list({ limit: 2, query: { metadata: { pages: mark } } })
    while (pages.hasNext) {
      const page = await pages.nextItems()
      assert.ok(page.length <= 2)
      seen.push(...page.map((item) => item.sandboxId))
    }
    assert.deepEqual(seen.toSorted(), more.map((item) => item.sandboxId).toSorted())
  } finally {
    await Promise.all(more.map((item) => item.kill()))
  }
})
check('Sandbox.connect', '', async () => {
  const same = await Sandbox.connect(sandbox.sandboxId)
  assert.equal((await same.commands.run('echo same')).stdout, 'same\n')
})
check('Sandbox.connect', 'never shortens', async () => {
  const before = (await sandbox.getInfo()).endAt
  await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 10_000 })
  assert.deepEqual((await sandbox.getInfo()).endAt, before)
}, 5)
check('Sandbox.connect', 'unknown', () => rejects(Sandbox.connect('0'.repeat(32)), isAtLeast(20) ? 'SandboxNotFoundError' : 'NotFoundError'))
check('setTimeout', 'later and earlier', async () => {
  const other = await Sandbox.create({ timeoutMs: 60_000 })
  await other.setTimeout(300_000)
  assert.ok((await other.getInfo()).endAt - Date.now() > 200_000)
  await other.setTimeout(20_000)
  assert.ok((await other.getInfo()).endAt - Date.now() < 25_000)
  assert.equal((await other.commands.run('echo here')).stdout, 'here\n')
  await other.kill()
})
check('kill', '', async () => {
  const other = await Sandbox.create({ timeoutMs: 60_000 })
  assert.equal(await Sandbox.kill(other.sandboxId), true)
  assert.equal(await Sandbox.kill(other.sandboxId), false)
  assert.equal(await other.isRunning(), false)
})
check('kill', 'while a command runs', async () => {
  const other = await Sandbox.create({ timeoutMs: 60_000 })
  const running = await other.commands.run('sleep 60', { background: true })
  const end = rejects(running.wait(), 'TimeoutError', /killed or reached its end of life/)
  await other.kill()
  await end
})
check('kill', 'unknown', async () => assert.equal(await Sandbox.kill('0'.repeat(32)), false))
check('getMetrics', '', async () => {
  const [sample] = await sandbox.getMetrics()
  assert.ok(sample.memUsed > 0 && sample.memTotal >= sample.memUsed, JSON.stringify(sample))
  assert.ok(sample.diskTotal > 0)
})
plain('Sandbox.create', 'timeoutMs: the default', async () => {
  const { sandboxID } = await control('POST', '/v2/sandboxes', { templateID: 'base' })
  const { startedAt, endAt } = await control('GET', `/sandboxes/${sandboxID}`)
  assert.ok(Math.abs(new Date(endAt) - new Date(startedAt) - 300_000) < 2_000, `${startedAt} ${endAt}`)
  await Sandbox.kill(sandboxID)
})
check('Sandbox.create', "template: 'base', secure, network.allowOut", async () => {
  const made = await Sandbox.create('base', { secure: true, timeoutMs: 60_000, network: { allowOut: ['1.1.1.1'], allowPublicTraffic: true } })
  await made.kill()
})
check('Sandbox.create', 'metadata: too long', () => rejects(Sandbox.create({ metadata: { large: 'x'.repeat(5_000) } }), 'SandboxError', /400.*labels/))
check('Sandbox.create', 'envs: in terminals', async () => {
  const { handle, seen } = await terminal()
  await type(handle.pid, 'echo "<$FROM_CREATE>"; exit\n')
  await handle.wait()
  assert.match(seen.text, /<yes>/)
})
for (const [option, field] of [
  ['lifecycle.onTimeout: pause', { autoPause: true }],
  ['lifecycle.autoResume', { autoResume: { enabled: true } }],
  ['mcp', { mcp: { browserbase: {} } }],
  ['iam', { iam: { tokens: { a: { audience: 'b', tokenType: 'c' } } } }],
  ['volumeMounts', { volumeMounts: [{ name: 'a', path: '/b' }] }],
  ['network.rules', { network: { rules: { 'a.example': [{}] } } }],
  ['network.egressProxy', { network: { egressProxy: { address: 'a:1' } } }],
  ['network.maskRequestHost', { network: { maskRequestHost: 'a' } }],
]) {
  const why = option.startsWith('network') ? 'the operator decides what sandboxes may reach' : 'there is nothing like it'
  plain('Sandbox.create', option, () => rejects(control('POST', '/v2/sandboxes', { templateID: 'base', ...field }), '400', /not supported/), why)
}
plain('Sandbox.create', 'as SDKs before 2.51 ask for it', async () => {
  const { sandboxID, envdVersion, envdAccessToken, templateID } = await control('POST', '/sandboxes', { templateID: 'base', timeout: 60, secure: true, allow_internet_access: true, metadata: {}, envVars: {} })
  assert.match(envdVersion, /^0\.6\./)
  assert.ok(envdAccessToken.length >= 32)
  assert.equal(templateID, 'base')
  const again = await control('POST', `/sandboxes/${sandboxID}/connect`, { timeout: 60 })
  assert.equal(again.envdAccessToken, envdAccessToken)
  await control('DELETE', `/sandboxes/${sandboxID}`)
})
plain('getInfo', 'all fields', async () => {
  const info = await control('GET', `/sandboxes/${sandbox.sandboxId}`)
  assert.deepEqual([info.sandboxID, info.templateID, info.state, info.lifecycle], [sandbox.sandboxId, 'base', 'running', { onTimeout: 'kill', autoResume: false }])
  for (const field of ['cpuCount', 'memoryMB', 'diskSizeMB']) assert.ok(Number.isInteger(info[field]), field)
  assert.ok(info.clientID && info.envdVersion && info.envdAccessToken)
})
check('Sandbox.list', 'state: running', async () => {
  const page = await Sandbox.list({ query: { metadata: { mark }, state: ['running'] } }).nextItems()
  assert.equal(page[0].sandboxId, sandbox.sandboxId)
  assert.equal(page[0].state, 'running')
})
plain('Sandbox.list', 'order, startedAfter, template', async () => {
  const before = new Date().toISOString()
  const made = await Promise.all([1, 2].map(() => Sandbox.create({ metadata: { ordered: mark }, timeoutMs: 60_000 })))
  const ids = async (query) => (await control('GET', `/v2/sandboxes?metadata=${encodeURIComponent(`ordered=${mark}`)}&${query}`)).map((item) => item.sandboxID)
  try {
    const ascending = await ids('order=asc')
    assert.deepEqual(ascending.toSorted(), made.map((item) => item.sandboxId).toSorted())
    assert.deepEqual(await ids('order=desc'), ascending.toReversed())
    assert.equal((await ids(`startedAfter=${before}`)).length, 2)
    assert.deepEqual(await ids('startedAfter=2100-01-01T00:00:00Z'), [])
    assert.equal((await ids('template=base')).length, 2)
    assert.deepEqual(await ids('template=other'), [])
  } finally {
    await Promise.all(made.map((item) => item.kill()))
  }
})
plain('Sandbox.list', 'limit: out of range', () => rejects(control('GET', '/v2/sandboxes?limit=101'), '400', /limit/))
check('sandbox.connect', '', async () => {
  const same = await sandbox.connect({ timeoutMs: 10_000 })
  assert.equal((await same.commands.run('echo same')).stdout, 'same\n')
})
check('Sandbox.setTimeout', '', async () => {
  const other = await Sandbox.create({ timeoutMs: 60_000 })
  await Sandbox.setTimeout(other.sandboxId, 200_000)
  assert.ok((await other.getInfo()).endAt - Date.now() > 150_000)
  await other.kill()
})
check('Sandbox.setTimeout', 'unknown', () => rejects(Sandbox.setTimeout('0'.repeat(32), 1000), isAtLeast(20) ? 'SandboxNotFoundError' : 'NotFoundError'))
check('Sandbox.setTimeout', 'too long', () => rejects(sandbox.setTimeout(1e12), 'SandboxError', /timeout/))
plain('getMetrics', 'start, end: none within', async () => assert.deepEqual(await control('GET', `/sandboxes/${sandbox.sandboxId}/metrics?start=1&end=2`), []))
check('updateNetwork', 'nothing denied', () => sandbox.updateNetwork({}), 30)
refused('updateNetwork', 'denyOut', 'the operator decides what sandboxes may reach', () => rejects(sandbox.updateNetwork({ denyOut: ['1.1.1.1'] }), 'SandboxError', /400.*denyOut/), 30)
refused('createSnapshot', '', 'there are no snapshots', () => rejects(sandbox.createSnapshot(), 'SandboxError', /501.*snapshots/), 30)
refused('Sandbox.listSnapshots', '', 'there are no snapshots', () => rejects(Sandbox.listSnapshots().nextItems(), 'SandboxError', /501/), 30)
refused('fork', '', 'memory is not copied', () => rejects(sandbox.fork(), 'SandboxError', /501.*fork/), 50)
plain('Template.build', '', () => rejects(control('POST', '/v3/templates', { name: 'x' }), '501', /templates/), 'the operator builds images')
plain('Volume.create', '', () => rejects(control('POST', '/volumes', { name: 'x' }), '501', /volumes/), 'a workspace is kept for each user instead')
plain('Secret.create', '', () => rejects(control('POST', '/secrets', {}), '501', /secrets/), 'there is nothing like it')
plain('X-API-KEY', 'missing', async () => assert.equal((await fetch(`${url}/v2/sandboxes`)).status, 401))
check('getHost', '', () => assert.match(sandbox.getHost(3000), new RegExp(`^3000-${sandbox.sandboxId}\\.`)))
refused('pause', '', 'memory is not kept', () => rejects(sandbox.betaPause ? sandbox.betaPause() : sandbox.pause(), 'SandboxError', /501.*pause/), 5)
check('tenants', 'get', () => rejects(Sandbox.getInfo(sandbox.sandboxId, { apiKey: otherKey }), isAtLeast(20) ? 'SandboxNotFoundError' : 'NotFoundError'))
check('tenants', 'connect', () => rejects(Sandbox.connect(sandbox.sandboxId, { apiKey: otherKey }), isAtLeast(20) ? 'SandboxNotFoundError' : 'NotFoundError'))
check('tenants', 'kill', async () => assert.equal(await Sandbox.kill(sandbox.sandboxId, { apiKey: otherKey }), false))
check('tenants', 'setTimeout', () => rejects(Sandbox.setTimeout(sandbox.sandboxId, 1000, { apiKey: otherKey }), isAtLeast(20) ? 'SandboxNotFoundError' : 'NotFoundError'))
check('tenants', 'list', async () => assert.deepEqual(await Sandbox.list({ apiKey: otherKey, query: { metadata: { mark } } }).nextItems(), []))

// --- commands ------------------------------------------------------------------------------------
check('commands.run', 'stdout, stderr, exit code', async () => {
  const result = await commands.run('echo out; echo err >&2')
  assert.deepEqual([result.stdout, result.stderr, result.exitCode], ['out\n', 'err\n', 0])
})
check('commands.run', 'exit code other than 0', async () => {
  const e = await rejects(commands.run('echo before; exit 3'), 'CommandExitError')
  assert.deepEqual([e.exitCode, e.stdout], [3, 'before\n'])
})
check('commands.run', 'onStdout, onStderr', async () => {
  let out = ''
  let err = ''
  await commands.run('echo a; echo b >&2', { onStdout: (text) => { out += text }, onStderr: (text) => { err += text } })
  assert.deepEqual([out, err], ['a\n', 'b\n'])
})
check('commands.run', 'cwd', async () => assert.equal((await commands.run('pwd', { cwd: '/tmp' })).stdout, '/tmp\n'))
check('commands.run', 'cwd: home', async () => assert.equal((await commands.run('pwd')).stdout, '/home/user\n'))
check('commands.run', 'cwd: relative', async () => {
  await files.makeDir('some/where')
  assert.equal((await commands.run('pwd', { cwd: 'some/where' })).stdout, '/home/user/some/where\n')
})
check('commands.run', 'cwd: not there', () => rejects(commands.run('pwd', { cwd: '/nosuch' }), 'InvalidArgumentError', /nosuch/))
check('commands.run', 'envs', async () => assert.equal((await commands.run('echo "$A $FROM_CREATE"', { envs: { A: 'ä b' } })).stdout, 'ä b yes\n'))
check('commands.run', 'envs override those of the sandbox', async () => assert.equal((await commands.run('echo $FROM_CREATE', { envs: { FROM_CREATE: 'no' } })).stdout, 'no\n'))
check('commands.run', 'HOME, USER', async () => assert.equal((await commands.run('echo $HOME $USER')).stdout, '/home/user user\n'))
check('commands.run', 'user: user', async () => assert.equal((await commands.run('echo 1', { user: 'user' })).stdout, '1\n'))
refused('commands.run', 'user: root', 'a sandbox has one user', () => rejects(commands.run('id', { user: 'root' }), 'AuthenticationError', /root/))
check('commands.run', 'timeoutMs', async () => {
  const began = Date.now()
  await rejects(commands.run('sleep 30', { timeoutMs: 1_000 }), 'TimeoutError')
  assert.ok(Date.now() - began < 5_000)
})
check('commands.run', 'timeoutMs ends a background command', async () => {
  const running = await commands.run('sleep 30', { background: true, timeoutMs: 1_000 })
  await until(async () => !(await commands.list()).some((item) => item.pid === running.pid))
})
check('commands.run', 'unicode, split output', async () => {
  const text = 'ä€😀'.repeat(20_000)
  await files.write('unicode.txt', text)
  assert.equal((await commands.run('cat unicode.txt')).stdout, text)
}, 20) // older ones decode each piece by itself
check('commands.run', '1 MiB of output', async () => assert.equal((await commands.run("head -c 1048576 /dev/zero | tr '\\0' x")).stdout.length, 1 << 20))
check('commands.run', 'signal', async () => {
  const e = await rejects(commands.run('kill -9 $$'), 'CommandExitError')
  assert.equal(e.exitCode, -1)
  assert.match(e.error, /killed/)
})
check('commands.run', 'background', async () => {
  const running = await commands.run('echo started; sleep 1; echo done', { background: true })
  assert.ok(running.pid > 0)
  assert.equal((await running.wait()).stdout, 'started\ndone\n')
})
check('commands.run', 'concurrent', async () => {
  const results = await Promise.all([...Array(20).keys()].map((i) => commands.run(`echo ${i}`)))
  assert.deepEqual(results.map((result) => result.stdout), [...Array(20).keys()].map((i) => `${i}\n`))
})
check('commands.list', '', async () => {
  const running = await commands.run('sleep 30', { background: true, envs: { LISTED: '1' } })
  const found = (await commands.list()).find((item) => item.pid === running.pid)
  assert.equal(found.cmd, '/bin/bash')
  assert.deepEqual(found.args, ['-l', '-c', 'sleep 30'])
  assert.equal(found.envs.LISTED, '1')
  assert.equal(await running.kill(), true)
})
check('commands.kill', '', async () => {
  const running = await commands.run('sleep 30', { background: true })
  assert.equal(await commands.kill(running.pid), true)
  assert.equal(await commands.kill(running.pid), false)
  await rejects(commands.run(`kill -0 ${running.pid}`), 'CommandExitError')
})
check('commands.kill', 'unknown', async () => assert.equal(await commands.kill(999_999), false))
check('commands.connect', '', async () => {
  const running = await commands.run('sleep 1; echo later', { background: true })
  const other = await commands.connect(running.pid)
  assert.equal(other.pid, running.pid)
  assert.equal((await other.wait()).stdout, 'later\n')
})
check('commands.connect', 'unknown', () => rejects(commands.connect(999_999), 'NotFoundError', /999999/))
check('commands.sendStdin', '', async () => {
  const running = await commands.run('read line; echo "got $line"', { background: true, stdin: true })
  await commands.sendStdin(running.pid, 'hello ä\n')
  assert.equal((await running.wait()).stdout, 'got hello ä\n')
}, 5)
check('commands.sendStdin', 'empty, many', async () => {
  const running = await commands.run('head -n 3', { background: true, stdin: true })
  for (const text of ['', 'one\n', 'two\n', 'three\n']) await commands.sendStdin(running.pid, text)
  assert.equal((await running.wait()).stdout, 'one\ntwo\nthree\n')
}, 5)
check('commands.closeStdin', '', async () => {
  const running = await commands.run('cat', { background: true, stdin: true })
  await commands.sendStdin(running.pid, 'all')
  await commands.closeStdin(running.pid)
  assert.equal((await running.wait()).stdout, 'all')
}, 20)
check('commands.run', 'the result of a handle', async () => {
  const running = await commands.run('echo a; echo b >&2; exit 4', { background: true })
  await rejects(running.wait(), 'CommandExitError')
  assert.deepEqual([running.stdout, running.stderr, running.exitCode], ['a\n', 'b\n', 4])
})
check('commands.run', 'timeoutMs: 0', async () => assert.equal((await commands.run('sleep 0.1; echo 1', { timeoutMs: 0 })).stdout, '1\n'))
check('commands.run', 'stdin: false', async () => assert.equal((await commands.run('cat; echo end', { stdin: false })).stdout, 'end\n'))
check('commands.run', 'cwd: ~', async () => assert.equal((await commands.run('pwd', { cwd: '~/some/where/..' })).stdout, '/home/user/some\n'))
check('commands.run', 'envs: a name that cannot be', () => rejects(commands.run('true', { envs: { 'A=B': 'x' } }), 'InvalidArgumentError'))
check('commands.run', 'more than 16 MiB of output', async () => {
  let length = 0
  await rejects(commands.run("head -c 20000000 /dev/zero | tr '\\0' x", { onStdout: (text) => { length += text.length } }), 'SandboxError', /16 MiB/)
  assert.equal(length, 16 << 20)
})
check('commands.run', 'requestTimeoutMs', () => commands.run('true', { requestTimeoutMs: 30_000 }))
check('commands.run', 'a program that is not there', async () => {
  const e = await rejects(commands.run('no-such-program'), 'CommandExitError')
  assert.equal(e.exitCode, 127)
})
check('commands.run', 'leaves background processes', async () => assert.equal((await commands.run('(sleep 30 &) ; echo over')).stdout, 'over\n'))
check('handle.kill', '', async () => {
  const running = await commands.run('sleep 30', { background: true })
  assert.equal(await running.kill(), true)
  const e = await rejects(running.wait(), 'CommandExitError')
  assert.equal(e.exitCode, -1)
})
check('commands.connect', 'onStdout, onStderr', async () => {
  const running = await commands.run('until [ -e go-both ]; do sleep 0.1; done; echo a; echo b >&2', { background: true })
  const seen = { out: '', err: '' }
  const other = await commands.connect(running.pid, { onStdout: (text) => { seen.out += text }, onStderr: (text) => { seen.err += text } })
  await files.write('go-both', '')
  await other.wait()
  assert.deepEqual(seen, { out: 'a\n', err: 'b\n' })
})
check('commands.connect', 'timeoutMs ends the stream, not the command', async () => {
  const running = await commands.run('sleep 30', { background: true, timeoutMs: 0 })
  await rejects(commands.connect(running.pid, { timeoutMs: 500 }).then((other) => other.wait()), 'TimeoutError')
  assert.equal(await commands.kill(running.pid), true)
})
check('commands.connect', 'after the end', async () => {
  const running = await commands.run('exit 5', { background: true })
  await rejects(running.wait(), 'CommandExitError')
  const e = await rejects(commands.connect(running.pid).then((other) => other.wait()), 'CommandExitError')
  assert.equal(e.exitCode, 5)
})
check('commands.connect', 'several at once', async () => {
  const running = await commands.run('until [ -e go-all ]; do sleep 0.1; done; echo all', { background: true })
  const others = await Promise.all([1, 2, 3, 4].map(() => commands.connect(running.pid)))
  await files.write('go-all', '')
  for (const other of others) assert.equal((await other.wait()).stdout, 'all\n')
})
check('commands.sendStdin', 'unknown', () => rejects(commands.sendStdin(999_999, 'x'), 'NotFoundError'))
check('commands.sendStdin', '1 MiB', async () => {
  const running = await commands.run('wc -c', { background: true, stdin: true })
  for (let i = 0; i < 4; i++) await commands.sendStdin(running.pid, 'x'.repeat(1 << 18))
  await commands.closeStdin(running.pid)
  assert.equal((await running.wait()).stdout.trim(), String(1 << 20))
}, 20)
check('commands.sendStdin', 'stdin: false', async () => {
  const running = await commands.run('sleep 30', { background: true, stdin: false })
  await rejects(commands.sendStdin(running.pid, 'x'), 'SandboxError', /closed/)
  await running.kill()
}, 20)
check('commands.closeStdin', 'twice', async () => {
  const running = await commands.run('cat', { background: true, stdin: true })
  await commands.closeStdin(running.pid)
  await commands.closeStdin(running.pid)
  assert.equal((await running.wait()).exitCode, 0)
}, 20)
check('disconnect', 'the command goes on', async () => {
  const running = await commands.run('sleep 1; echo done > went-on; sleep 30', { background: true, timeoutMs: 0 })
  await running.disconnect()
  await until(() => files.exists('went-on'))
  assert.equal(await commands.kill(running.pid), true)
})

// --- terminals -----------------------------------------------------------------------------------
const terminal = async (options = {}) => {
  const seen = { text: '' }
  const handle = await pty.create({ cols: 80, rows: 24, timeoutMs: 20_000, onData: (data) => { seen.text += Buffer.from(data).toString() }, ...options })
  return { handle, seen }
}
const type = (pid, text) => pty.sendInput(pid, new TextEncoder().encode(text))
check('pty.create', 'input and output', async () => {
  const { handle, seen } = await terminal({ envs: { MINE: 'set' } })
  await type(handle.pid, 'echo "<$MINE> $TERM"; exit\n')
  await handle.wait()
  assert.match(seen.text, /<set> xterm-256color/)
})
check('pty.create', 'size', async () => {
  const { handle, seen } = await terminal({ cols: 100, rows: 30 })
  await type(handle.pid, 'stty size; exit\n')
  await handle.wait()
  assert.match(seen.text, /30 100/)
})
check('pty.create', 'cwd', async () => {
  const { handle, seen } = await terminal({ cwd: '/tmp' })
  await type(handle.pid, 'echo "in $(pwd)"; exit\n')
  await handle.wait()
  assert.match(seen.text, /in \/tmp/)
})
check('pty.resize', '', async () => {
  const { handle, seen } = await terminal()
  await pty.resize(handle.pid, { cols: 120, rows: 40 })
  await type(handle.pid, 'sleep 0.2; stty size; exit\n')
  await handle.wait()
  assert.match(seen.text, /40 120/)
})
check('pty.kill', '', async () => {
  const { handle } = await terminal()
  assert.equal(await pty.kill(handle.pid), true)
  await handle.wait().catch(() => {})
  assert.equal(await pty.kill(handle.pid), false)
})
check('pty.create', 'TERM, LANG', async () => {
  const { handle, seen } = await terminal({ envs: { TERM: 'dumb' } })
  await type(handle.pid, 'echo "<$TERM> <$LC_ALL>"; exit\n')
  await handle.wait()
  assert.match(seen.text, /<dumb> <C\.UTF-8>/)
}, 20)
refused('pty.create', 'user: root', 'a sandbox has one user', () => rejects(pty.create({ cols: 80, rows: 24, user: 'root', onData: () => {} }), 'AuthenticationError'))
check('pty.create', 'timeoutMs', async () => {
  const { handle } = await terminal({ timeoutMs: 1_000 })
  await rejects(handle.wait(), 'TimeoutError')
})
check('pty.create', 'control characters', async () => {
  const { handle, seen } = await terminal()
  await type(handle.pid, "echo be''gun; sleep 60\n")
  await until(() => seen.text.includes('begun'))
  await type(handle.pid, '\x03')
  await until(() => seen.text.includes('^C'))
  await type(handle.pid, 'exit 0\n')
  await handle.wait().catch((e) => assert.equal(e.name, 'CommandExitError')) // bash ends with the code of what was stopped
})
check('pty.sendInput', 'unknown', () => rejects(type(999_999, 'x'), 'NotFoundError'))
check('pty.resize', 'unknown', () => rejects(pty.resize(999_999, { cols: 1, rows: 1 }), 'NotFoundError'))
check('pty.connect', '', async () => {
  const { handle } = await terminal()
  let text = ''
  const other = await pty.connect(handle.pid, { onData: (data) => { text += Buffer.from(data).toString() } })
  await type(handle.pid, 'echo seen-by-both; exit\n')
  await other.wait()
  assert.match(text, /seen-by-both/)
}, 20)

// --- files ---------------------------------------------------------------------------------------
check('files.write', 'text', async () => {
  const info = await files.write('a.txt', 'Hello ä')
  assert.deepEqual([info.name, info.path, info.type], ['a.txt', '/home/user/a.txt', 'file'])
  assert.equal(await files.read('a.txt'), 'Hello ä')
})
check('files.write', 'replaces', async () => {
  await files.write('b.txt', 'a long content')
  await files.write('b.txt', 'short')
  assert.equal(await files.read('b.txt'), 'short')
})
check('files.write', 'empty', async () => {
  await files.write('empty.txt', '')
  assert.equal(await files.read('empty.txt'), '')
})
check('files.write', 'makes directories', async () => {
  await files.write('x/y/z.txt', '1')
  assert.equal(await files.read('/home/user/x/y/z.txt'), '1')
})
check('files.write', 'ArrayBuffer', async () => {
  await files.write('bytes', new Uint8Array([0, 255, 10, 13]).buffer)
  assert.deepEqual([...(await files.read('bytes', { format: 'bytes' }))], [0, 255, 10, 13])
})
check('files.write', 'Blob', async () => {
  await files.write('blob', new Blob(['blob']))
  assert.equal(await (await files.read('blob', { format: 'blob' })).text(), 'blob')
})
check('files.write', 'ReadableStream', async () => {
  await files.write('stream', new Blob(['stream']).stream())
  assert.equal(await files.read('stream'), 'stream')
})
check('files.write', 'several', async () => {
  const infos = await files.write([{ path: 'm/1', data: 'one' }, { path: 'm/2', data: 'two' }])
  assert.deepEqual(infos.map((info) => info.path), ['/home/user/m/1', '/home/user/m/2'])
  assert.equal(await files.read('m/2'), 'two')
})
check('files.writeFiles', '', async () => {
  await files.writeFiles([{ path: 'n 1 "ä".txt', data: 'one' }])
  assert.equal(await files.read('n 1 "ä".txt'), 'one')
}, 10)
check('files.write', 'gzip', async () => {
  await files.write('zipped', 'z'.repeat(100_000), { gzip: true })
  assert.equal((await files.read('zipped', { gzip: true })).length, 100_000)
}, 20)
check('files.write', 'metadata', async () => {
  const info = await files.write('tagged', '1', { metadata: { author: 'me' } })
  assert.deepEqual(info.metadata, { author: 'me' })
  assert.deepEqual((await files.getInfo('tagged')).metadata, { author: 'me' })
}, 40)
check('files.write', '10 MiB', async () => {
  const content = new Uint8Array(10 << 20).map((_, i) => i * 31)
  await files.write('big', content.buffer)
  const back = await files.read('big', { format: 'bytes' })
  assert.equal(Buffer.compare(Buffer.from(back), Buffer.from(content)), 0)
})
check('files.write', 'to /tmp', async () => {
  await files.write('/tmp/outside', '1')
  assert.equal((await commands.run('cat /tmp/outside')).stdout, '1')
})
check('files.write', 'to a directory', async () => {
  await files.makeDir('dir')
  await rejects(files.write('dir', '1'), 'InvalidArgumentError')
})
check('files.read', 'stream', async () => {
  await files.write('s', 'streamed')
  const chunks = []
  for await (const chunk of await files.read('s', { format: 'stream' })) chunks.push(Buffer.from(chunk))
  assert.equal(Buffer.concat(chunks).toString(), 'streamed')
})
check('files.read', 'not there', () => rejects(files.read('nosuch'), isAtLeast(20) ? 'FileNotFoundError' : 'NotFoundError', /nosuch/))
check('files.read', 'a directory', () => rejects(files.read('/tmp'), 'InvalidArgumentError'))
check('files.list', '', async () => {
  await files.write('l/a', '1')
  await files.write('l/b/c', '22')
  const entries = await files.list('l')
  assert.deepEqual(entries.map((entry) => [entry.name, entry.type, entry.path]), [['a', 'file', '/home/user/l/a'], ['b', 'dir', '/home/user/l/b']])
})
check('files.list', 'depth', async () => {
  await files.write('deep/b/c/d', '1')
  assert.deepEqual((await files.list('deep', { depth: 2 })).map((entry) => entry.name), ['b', 'c'])
})
check('files.list', 'not there', () => rejects(files.list('nosuch'), isAtLeast(20) ? 'FileNotFoundError' : 'NotFoundError'))
check('files.list', 'a file', async () => {
  await files.write('plain', '1')
  await rejects(files.list('plain'), 'InvalidArgumentError')
})
check('files.getInfo', '', async () => {
  await files.write('info', '12345')
  const info = await files.getInfo('info')
  assert.deepEqual([info.size, info.mode, info.permissions, info.owner, info.group], [5, 0o644, '-rw-r--r--', 'user', 'user'])
  assert.ok(Math.abs(info.modifiedTime - Date.now()) < 60_000)
})
check('files.getInfo', 'symbolic link', async () => {
  await files.write('target', '1')
  await commands.run('ln -sf target link')
  assert.equal((await files.getInfo('link')).symlinkTarget, '/home/user/target')
})
check('files.getInfo', 'not there', () => rejects(files.getInfo('nosuch'), isAtLeast(20) ? 'FileNotFoundError' : 'NotFoundError'))
check('files.exists', '', async () => {
  await files.write('is', '1')
  assert.equal(await files.exists('is'), true)
  assert.equal(await files.exists('is-not'), false)
})
check('files.makeDir', '', async () => {
  assert.equal(await files.makeDir('new/dir'), true)
  assert.equal(await files.makeDir('new/dir'), false)
})
check('files.makeDir', 'a file is there', async () => {
  await files.write('occupied', '1')
  await rejects(files.makeDir('occupied'), 'InvalidArgumentError')
})
check('files.rename', '', async () => {
  await files.write('old', '1')
  assert.equal((await files.rename('old', 'sub/new')).path, '/home/user/sub/new')
  assert.equal(await files.exists('old'), false)
  assert.equal(await files.read('sub/new'), '1')
})
check('files.rename', 'not there', () => rejects(files.rename('nosuch', 'x'), isAtLeast(20) ? 'FileNotFoundError' : 'NotFoundError'))
check('files.remove', '', async () => {
  await files.write('gone/a', '1')
  await files.remove('gone')
  assert.equal(await files.exists('gone'), false)
})
check('files.remove', 'not there', () => files.remove('nosuch'))
check('files.watchDir', '', async () => {
  await files.makeDir('watched')
  const seen = []
  const watch = await files.watchDir('watched', (event) => { seen.push(event) })
  await files.write('watched/one', '1')
  await until(() => seen.some((event) => event.name === 'one' && event.type === 'create'))
  await files.remove('watched/one')
  await until(() => seen.some((event) => event.name === 'one' && event.type === 'remove'))
  await watch.stop()
})
check('files.watchDir', 'recursive', async () => {
  await files.makeDir('tree/below')
  const seen = []
  const watch = await files.watchDir('tree', (event) => { seen.push(event.name) }, { recursive: true })
  await commands.run('echo 1 > tree/below/two')
  await until(() => seen.includes('below/two'))
  await watch.stop()
})
check('files.watchDir', 'includeEntry', async () => {
  await files.makeDir('entries')
  const seen = []
  const watch = await files.watchDir('entries', (event) => { seen.push(event) }, { includeEntry: true })
  await commands.run('echo 123 > entries/f')
  await until(() => seen.some((event) => event.entry?.path === '/home/user/entries/f'))
  await watch.stop()
}, 40)
check('files.watchDir', 'not there', () => rejects(files.watchDir('nosuch', () => {}), isAtLeast(20) ? 'FileNotFoundError' : 'NotFoundError'))
refused('files', 'user: root', 'a sandbox has one user', () => rejects(files.read('a.txt', { user: 'root' }), 'AuthenticationError'))

check('files.write', 'several: none', async () => assert.deepEqual(await files.write([]), []))
check('files.write', 'through a symbolic link', async () => {
  await files.write('behind', 'old')
  await commands.run('ln -sf behind before')
  await files.write('before', 'new')
  assert.equal((await commands.run('cat behind; readlink before')).stdout, 'newbehind\n')
})
check('files.write', 'clears metadata', async () => {
  await files.write('cleared', '1', { metadata: { author: 'me' } })
  await files.write('cleared', '2')
  assert.equal((await files.getInfo('cleared')).metadata, undefined)
}, 40)
check('files.write', 'metadata: too long', () => rejects(files.write('tagged', '1', { metadata: { long: 'x'.repeat(5_000) } }), 'InvalidArgumentError', /metadata/), 40)
check('files.write', 'useOctetStream', async () => {
  await files.write('octets', 'content', { useOctetStream: true })
  assert.equal(await files.read('octets'), 'content')
}, 20)
check('files.write', 'to a read-only place', () => rejects(files.write('/etc/x', '1'), 'SandboxError', /403/))
check('files.write', 'user: user', async () => assert.equal((await files.write('mine', '1', { user: 'user' })).path, '/home/user/mine'))
check('files.write', '~ and a dot', async () => {
  assert.equal((await files.write('~/tilde/./x/../file', '1')).path, '/home/user/tilde/file')
  assert.equal(await files.read('~/tilde/file'), '1')
})
check('files.read', 'through a symbolic link', async () => {
  await files.write('target', '1')
  await commands.run('ln -sf target link')
  assert.equal(await files.read('link'), '1')
})
check('files.list', 'metadata', async () => {
  await files.write('listed/file', '1', { metadata: { author: 'me' } })
  assert.deepEqual((await files.list('listed'))[0].metadata, { author: 'me' })
}, 40)
check('files.list', 'the root', async () => assert.ok((await files.list('/')).some((entry) => entry.path === '/etc' && entry.type === 'dir')))
check('files.list', '2,000 entries', async () => {
  await commands.run('mkdir -p many && cd many && seq -f %06.0f 2000 | xargs touch')
  assert.equal((await files.list('many')).length, 2000)
})
check('files.getInfo', 'a directory', async () => {
  await files.makeDir('described')
  const info = await files.getInfo('described')
  assert.deepEqual([info.type, info.mode, info.permissions], ['dir', 0o755, 'drwxr-xr-x'])
})
check('files.exists', 'a link that leads nowhere', async () => {
  await commands.run('ln -sf nowhere dangling')
  assert.equal(await files.exists('dangling'), true)
})
check('files.rename', 'replaces, keeps metadata', async () => {
  await files.write('from', '1', { metadata: { author: 'me' } })
  await files.write('to', '2')
  assert.deepEqual((await files.rename('from', 'to')).metadata, { author: 'me' })
  assert.equal(await files.read('to'), '1')
}, 40)
check('files.watchDir', 'write, chmod, rename', async () => {
  await files.write('changes/old', '1')
  const seen = []
  const watch = await files.watchDir('changes', (event) => { seen.push(`${event.type} ${event.name}`) })
  await commands.run('cd changes && echo 2 >> old && chmod 600 old && mv old new')
  await until(() => ['write old', 'chmod old', 'rename old', 'create new'].every((event) => seen.includes(event)))
  await watch.stop()
})
check('files.watchDir', 'timeoutMs, onExit', async () => {
  let ended
  await files.watchDir('/tmp', () => {}, { timeoutMs: 5_000, onExit: (e) => { ended = e ?? new Error('without an error') } })
  await until(() => ended)
  assert.equal(ended.name, 'TimeoutError')
})
check('files.watchDir', 'a file', async () => {
  await files.write('plain', '1')
  await rejects(files.watchDir('plain', () => {}), 'InvalidArgumentError')
})
check('files.watchDir', 'allowNetworkMounts', async () => (await files.watchDir('/tmp', () => {}, { allowNetworkMounts: true })).stop(), 45)
check('files.watchDir', 'more than 4 MiB of events', async () => {
  await files.makeDir('busy')
  let events = 0
  const watch = await files.watchDir('busy', () => { events++ }, { timeoutMs: 0, includeEntry: true })
  const long = 'x'.repeat(220)
  await commands.run(`cd busy && for i in $(seq 4500); do : > ${long}$i; : > ${long}$i; done`)
  await until(() => events >= 9_000, 30_000)
  await watch.stop()
}, 45)

// --- git -----------------------------------------------------------------------------------------
check('git', 'init, configureUser, add, commit, status, branches', async () => {
  const { git } = sandbox
  await git.init('repository', { initialBranch: 'main' })
  await git.configureUser('Ada', 'ada@example.com', { scope: 'local', path: 'repository' })
  await files.write('repository/a.txt', '1')
  assert.equal((await git.status('repository')).isClean, false)
  await git.add('repository')
  await git.commit('repository', 'first')
  assert.equal((await git.status('repository')).isClean, true)
  await git.createBranch('repository', 'other')
  assert.deepEqual((await git.branches('repository')).branches.toSorted(), ['main', 'other'])
}, 30)

// --- signed URLs ---------------------------------------------------------------------------------
check('uploadUrl, downloadUrl', '', async () => {
  const form = new FormData()
  form.append('file', new Blob(['signed']), 'signed.txt')
  const sent = await fetch(await sandbox.uploadUrl('signed.txt'), { method: 'POST', body: form })
  assert.equal(sent.status, 200, await sent.text())
  const got = await fetch(await sandbox.downloadUrl('signed.txt'))
  assert.equal(await got.text(), 'signed')
})
check('downloadUrl', 'useSignatureExpiration', async () => {
  await files.write('expiring', '1')
  const got = await fetch(await sandbox.downloadUrl('expiring', { useSignatureExpiration: 10_000 }))
  assert.equal(await got.text(), '1')
  const late = await fetch(await sandbox.downloadUrl('expiring', { useSignatureExpiration: -10_000 }))
  assert.deepEqual([late.status, await late.json()], [401, { code: 401, message: 'signature is already expired' }])
})
check('downloadUrl', 'changed', async () => {
  const address = await sandbox.downloadUrl('expiring')
  const got = await fetch(address.replace('path=expiring', 'path=a.txt'))
  assert.deepEqual([got.status, await got.json()], [401, { code: 401, message: 'invalid signature' }])
})

check('uploadUrl', 'without a path', async () => {
  const form = new FormData()
  form.append('file', new Blob(['1']), '/home/user/named-by-the-form')
  const sent = await fetch(await sandbox.uploadUrl(), { method: 'POST', body: form })
  assert.equal(sent.status, 200, await sent.text())
  assert.equal(await files.read('named-by-the-form'), '1')
})
check('uploadUrl', 'user, useSignatureExpiration', async () => {
  const form = new FormData()
  form.append('file', new Blob(['1']), 'x')
  const sent = await fetch(await sandbox.uploadUrl('by-user', { user: 'user', useSignatureExpiration: 10_000 }), { method: 'POST', body: form })
  assert.equal(sent.status, 200, await sent.text())
})
check('downloadUrl', 'for uploads', async () => {
  const form = new FormData()
  form.append('file', new Blob(['1']), 'x')
  assert.equal((await fetch(await sandbox.downloadUrl('expiring'), { method: 'POST', body: form })).status, 401)
})

// --- the data plane without the SDK --------------------------------------------------------------
const data = async (path, { method = 'POST', body, type = 'application/json', headers = {} } = {}) =>
  fetch(url + path, { method, body, headers: { 'Content-Type': type, 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '49983', 'X-Access-Token': await token(), ...headers } })
let known
const token = async () => (known ??= (await control('GET', `/sandboxes/${sandbox.sandboxId}`)).envdAccessToken)
const call = async (method, message) => {
  const answer = await data(method, { body: JSON.stringify(message) })
  return { status: answer.status, ...(await answer.json()) }
}
const frame = (message) => {
  const text = Buffer.from(JSON.stringify(message))
  const header = Buffer.alloc(5)
  header.writeUInt32BE(text.length, 1)
  return Buffer.concat([header, text])
}
const frames = (bytes) => {
  const found = []
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt32BE(at + 1)) found.push(JSON.parse(bytes.subarray(at + 5, at + 5 + bytes.readUInt32BE(at + 1))))
  return found
}
const stream = async (method, message, headers) =>
  frames(Buffer.from(await (await data(method, { body: message, type: 'application/connect+json', headers })).arrayBuffer()))
plain('GET /health', 'an unknown sandbox', async () => {
  const answer = await fetch(`${url}/health`, { headers: { 'E2b-Sandbox-Id': '0'.repeat(32), 'E2b-Sandbox-Port': '49983' } })
  assert.equal(answer.status, 502)
})
plain('GET /envs', '', async () => assert.equal((await (await data('/envs', { method: 'GET' })).json()).FROM_CREATE, 'yes'))
plain('GET /metrics', '', async () => {
  const sample = await (await data('/metrics', { method: 'GET' })).json()
  for (const field of ['ts', 'cpu_count', 'mem_total', 'mem_used', 'disk_total', 'disk_used']) assert.ok(sample[field] > 0, field)
})
plain('POST /files/compose', '', async () => {
  await files.write([{ path: 'part1', data: 'one ' }, { path: 'part2', data: 'two' }])
  const answer = await data('/files/compose', { body: JSON.stringify({ source_paths: ['part1', 'part2'], destination: 'whole' }) })
  assert.deepEqual(await answer.json(), { name: 'whole', path: '/home/user/whole', type: 'file' })
  assert.equal(await files.read('whole'), 'one two')
  assert.equal(await files.exists('part1'), false)
})
plain('POST /files/compose', 'not there, none, malformed', async () => {
  const statuses = []
  for (const message of [{ source_paths: ['nosuch'], destination: 'x' }, { source_paths: [], destination: 'x' }, { source_paths: 7 }, { source_paths: ['a'], destination: 'x', username: 'root' }]) {
    statuses.push((await data('/files/compose', { body: JSON.stringify(message) })).status)
  }
  assert.deepEqual(statuses, [404, 400, 400, 401])
})
plain('GET /files', 'Range', async () => {
  await files.write('ranged', '0123456789')
  const get = async (range) => {
    const answer = await data('/files?path=ranged', { method: 'GET', headers: { Range: range } })
    return [answer.status, answer.headers.get('content-range'), answer.status === 416 ? '' : await answer.text()]
  }
  assert.deepEqual(await get('bytes=2-4'), [206, 'bytes 2-4/10', '234'])
  assert.deepEqual(await get('bytes=7-'), [206, 'bytes 7-9/10', '789'])
  assert.deepEqual(await get('bytes=-3'), [206, 'bytes 7-9/10', '789'])
  assert.deepEqual(await get('bytes=10-'), [416, 'bytes */10', ''])
  assert.deepEqual(await get('lines=1-2'), [200, null, '0123456789'])
})
plain('Start', 'tag, List, Connect and SendSignal by tag', async () => {
  const first = await data('/process.Process/Start', { type: 'application/connect+json', body: frame({ process: { cmd: 'sleep', args: ['30'] }, tag: 'tagged' }) })
  const { processes } = await call('/process.Process/List', {})
  assert.ok(processes.some((item) => item.tag === 'tagged' && item.config.cmd === 'sleep'), JSON.stringify(processes))
  const other = await data('/process.Process/Connect', { type: 'application/connect+json', body: frame({ process: { tag: 'tagged' } }) })
  assert.equal((await call('/process.Process/SendSignal', { process: { tag: 'tagged' }, signal: 'SIGNAL_SIGTERM' })).status, 200)
  const { end } = frames(Buffer.from(await other.arrayBuffer())).at(-2).event
  assert.deepEqual(end, { exitCode: -1, exited: false, status: 'signal: terminated', error: 'signal: terminated' })
  await first.arrayBuffer()
})
plain('Start', 'Keepalive-Ping-Interval', async () => {
  const events = await stream('/process.Process/Start', frame({ process: { cmd: 'sleep', args: ['2.5'] } }), { 'Keepalive-Ping-Interval': '1' })
  assert.ok(events.filter((item) => item.event?.keepalive).length >= 1, JSON.stringify(events))
})
plain('Start', 'Connect-Timeout-Ms: malformed', async () => {
  const [last] = await stream('/process.Process/Start', frame({ process: { cmd: 'true' } }), { 'Connect-Timeout-Ms': 'soon' })
  assert.equal(last.error.code, 'invalid_argument')
})
plain('StreamInput', '', async () => {
  const running = await commands.run('head -n 2', { background: true, stdin: true })
  const text = (input) => frame({ data: { input: { stdin: Buffer.from(input).toString('base64') } } })
  const answer = await stream('/process.Process/StreamInput', Buffer.concat([frame({ start: { process: { pid: running.pid } } }), text('one\n'), text('two\n')]))
  assert.deepEqual(answer, [{}, {}])
  assert.equal((await running.wait()).stdout, 'one\ntwo\n')
})
plain('CreateWatcher, GetWatcherEvents, RemoveWatcher', '', async () => {
  await files.makeDir('asked')
  const { watcherId } = await call('/filesystem.Filesystem/CreateWatcher', { path: 'asked', includeEntry: true })
  assert.deepEqual((await call('/filesystem.Filesystem/GetWatcherEvents', { watcherId })).events, [])
  await files.write('asked/one', '1')
  let events = []
  await until(async () => {
    events.push(...(await call('/filesystem.Filesystem/GetWatcherEvents', { watcherId })).events)
    return events.length > 0
  })
  assert.deepEqual([events[0].name, events[0].type, events[0].entry.path], ['one', 'EVENT_TYPE_CREATE', '/home/user/asked/one'])
  assert.equal((await call('/filesystem.Filesystem/RemoveWatcher', { watcherId })).status, 200)
  assert.equal((await call('/filesystem.Filesystem/GetWatcherEvents', { watcherId })).code, 'not_found')
})
plain('CreateWatcher', 'not there', async () => assert.equal((await call('/filesystem.Filesystem/CreateWatcher', { path: 'nosuch' })).code, 'not_found'))
plain('errors', 'of unary calls', async () => {
  const answers = [
    await call('/filesystem.Filesystem/Stat', { path: 'nosuch' }),
    await call('/filesystem.Filesystem/MakeDir', { path: '/tmp' }),
    await call('/filesystem.Filesystem/ListDir', { path: '/etc/passwd' }),
    await call('/filesystem.Filesystem/Stat', {}),
    await call('/process.Process/SendSignal', { process: { pid: 999_999 }, signal: 'SIGNAL_SIGKILL' }),
  ]
  assert.deepEqual(answers.map(({ status, code }) => [status, code]), [[404, 'not_found'], [409, 'already_exists'], [400, 'invalid_argument'], [400, 'invalid_argument'], [404, 'not_found']])
})
plain('errors', 'of streams are in the last message', async () => {
  const answer = await data('/process.Process/Connect', { type: 'application/connect+json', body: frame({ process: { pid: 999_999 } }) })
  assert.equal(answer.status, 200)
  assert.equal(frames(Buffer.from(await answer.arrayBuffer()))[0].error.code, 'not_found')
})
plain('E2b-Sandbox-Id', "in the host's name instead", async () => {
  const { request } = await import('node:http')
  const { port } = new URL(url)
  const held = await token()
  const status = await new Promise((resolve, reject) =>
    request({ host: '127.0.0.1', port, path: '/health', headers: { Host: `49983-${sandbox.sandboxId}.sandboxes.example`, 'X-Access-Token': held } }, (answer) => resolve(answer.statusCode)).on('error', reject).end())
  assert.equal(status, 204)
})
plain('E2b-Sandbox-Id', 'without the port', async () => assert.equal((await fetch(`${url}/health`, { headers: { 'E2b-Sandbox-Id': sandbox.sandboxId } })).status, 400))

// --- tokens --------------------------------------------------------------------------------------
const rpc = (headers, path = '/filesystem.Filesystem/Stat', body = '{"path":"/tmp"}') =>
  fetch(url + path, { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '49983', ...headers } })
plain('X-Access-Token', 'missing', async () => assert.equal((await rpc({})).status, 401))
plain('X-Access-Token', "another sandbox's", async () => {
  const other = await Sandbox.create({ apiKey: otherKey, timeoutMs: 60_000 })
  const answer = await fetch(`${url}/sandboxes/${other.sandboxId}`, { headers: { 'X-API-KEY': otherKey } })
  const { envdAccessToken } = await answer.json()
  assert.equal((await rpc({ 'X-Access-Token': envdAccessToken })).status, 502)
  await other.kill({ apiKey: otherKey })
})
plain('E2b-Sandbox-Port', 'another port, without its token', async () => assert.equal((await rpc({ 'E2b-Sandbox-Port': '8000' })).status, 502))

let failed = 0
const only = process.env.ONLY
for (const { call, option, run, since, why } of checks) {
  if (only && !`${call} ${option}`.includes(only)) continue
  if (!isAtLeast(since) || (speaksProtobuf && !isRpc(call))) {
    console.log(JSON.stringify({ version, call, option, result: 'absent' }))
    continue
  }
  const began = performance.now()
  let error
  try {
    const timer = new Promise((_, reject) => setTimeout(() => reject(new Error('no result within 60 s')), 60_000).unref())
    await Promise.race([run(), timer])
  } catch (e) {
    error = `${e.name}: ${e.message}`
    failed++
  }
  console.log(JSON.stringify({ version, call, option, result: error ? 'failed' : why ? 'no' : 'yes', why, error, ms: Math.round(performance.now() - began) }))
}
await sandbox.kill()
process.exit(failed > 0 ? 1 : 0)
