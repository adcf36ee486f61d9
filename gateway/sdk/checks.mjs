// SPDX-License-Identifier: Apache-2.0
// Checks of a gateway with one version of E2B's SDK. Prints one line of JSON for each check, and ends
// with the number of those that failed.
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

const checks = []
/** @param since the first minor version of the SDK that has what is checked */
const check = (call, option, run, since = 0) => checks.push({ call, option, run, since })
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

const mark = `mark-${Date.now()}-${process.pid}`
const sandbox = await Sandbox.create({ timeoutMs: 600_000, metadata: { mark, 'a b': 'c&d=e' }, envs: { FROM_CREATE: 'yes' } })
const { commands, files, pty } = sandbox

// --- sandboxes -----------------------------------------------------------------------------------
check('Sandbox.create', 'id', () => assert.match(sandbox.sandboxId, /^[a-z0-9]{32}$/))
check('Sandbox.create', 'envs', async () => assert.equal((await commands.run('echo $FROM_CREATE')).stdout, 'yes\n'))
check('Sandbox.create', 'template', () => rejects(Sandbox.create('nosuch'), 'SandboxError', /nosuch/))
check('Sandbox.create', 'timeoutMs: too long', () => rejects(Sandbox.create({ timeoutMs: 1e12 }), 'SandboxError', /timeout/))
check('Sandbox.create', 'apiKey: wrong', () => rejects(Sandbox.create({ apiKey: 'e2b_00ff' }), 'AuthenticationError', /not valid/))
check('Sandbox.create', 'allowInternetAccess: false', () => rejects(Sandbox.create({ allowInternetAccess: false }), 'SandboxError', /allow_internet_access/))
check('Sandbox.create', 'network.denyOut', () => rejects(Sandbox.create({ network: { denyOut: ['1.1.1.1'] } }), 'SandboxError', /denyOut/), 20)
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
check('getHost', '', () => assert.match(sandbox.getHost(3000), new RegExp(`^3000-${sandbox.sandboxId}\\.`)))
check('pause', 'is refused', () => rejects(sandbox.betaPause ? sandbox.betaPause() : sandbox.pause(), 'SandboxError', /501.*pause/), 5)
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
check('commands.run', 'user: root', () => rejects(commands.run('id', { user: 'root' }), 'AuthenticationError', /root/))
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
check('files', 'user: root', () => rejects(files.read('a.txt', { user: 'root' }), 'AuthenticationError'))

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

// --- tokens --------------------------------------------------------------------------------------
const rpc = (headers, path = '/filesystem.Filesystem/Stat', body = '{"path":"/tmp"}') =>
  fetch(url + path, { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '49983', ...headers } })
check('X-Access-Token', 'missing', async () => assert.equal((await rpc({})).status, 401))
check('X-Access-Token', "another sandbox's", async () => {
  const other = await Sandbox.create({ apiKey: otherKey, timeoutMs: 60_000 })
  const answer = await fetch(`${url}/sandboxes/${other.sandboxId}`, { headers: { 'X-API-KEY': otherKey } })
  const { envdAccessToken } = await answer.json()
  assert.equal((await rpc({ 'X-Access-Token': envdAccessToken })).status, 401)
  await other.kill({ apiKey: otherKey })
})
check('E2b-Sandbox-Port', 'another port', async () => assert.equal((await rpc({ 'E2b-Sandbox-Port': '8000' })).status, 502))

let failed = 0
const only = process.env.ONLY
for (const { call, option, run, since } of checks) {
  if (only && !`${call} ${option}`.includes(only)) continue
  if (!isAtLeast(since)) {
    console.log(JSON.stringify({ version, call, option, result: 'not in this version' }))
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
  console.log(JSON.stringify({ version, call, option, result: error ? 'no' : 'yes', error, ms: Math.round(performance.now() - began) }))
}
await sandbox.kill()
process.exit(failed > 0 ? 1 : 0)
