// SPDX-License-Identifier: Apache-2.0
// Checks of a gateway with E2B's code interpreter. Prints one line of JSON for each check, and ends with the number of
// those that failed.
//
//   node interpreter.mjs URL KEY URL_OF_ANOTHER_GATEWAY IMAGE [CHECK]     IMAGE is 'interpreter' or 'base'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const [url, apiKey, anotherUrl, image, only] = process.argv.slice(2)
process.env.E2B_API_URL = url
process.env.E2B_SANDBOX_URL = url
process.env.E2B_API_KEY = apiKey
const { Sandbox } = await import('@e2b/code-interpreter')

const entry = createRequire(import.meta.url).resolve('@e2b/code-interpreter')
const version = JSON.parse(readFileSync(entry.replace(/dist.*/, 'package.json'))).version

const checks = []
const check = (call, option, run, when = true) => when && checks.push({ call, option, run })
const rejects = async (promise, name, text) => {
  const e = await promise.then(() => assert.fail('nothing was thrown'), (e) => e)
  assert.equal(e.name, name, `${e.name}: ${e.message}`)
  assert.match(e.message, text)
}
const sandbox = await Sandbox.create({ timeoutMs: 600_000, envs: { FROM_CREATE: 'yes' } })
const run = async (code, options) => {
  const execution = await sandbox.runCode(code, options)
  assert.equal(execution.error, undefined, JSON.stringify(execution.error))
  return execution
}
const hasKernel = image === 'interpreter'

check('runCode', 'image without an interpreter',
  () => rejects(sandbox.runCode('1'), 'SandboxError', /501 .*zcbot-sandbox-interpreter/), !hasKernel)
check('createCodeContext', 'image without an interpreter',
  () => rejects(sandbox.createCodeContext(), 'SandboxError', /501 .*zcbot-sandbox-interpreter/), !hasKernel)
check('template', '', async () => assert.equal((await sandbox.getInfo()).templateId, 'code-interpreter-v1'))

check('runCode', 'text, executionCount', async () => {
  const execution = await run('40 + 2')
  assert.equal(execution.text, '42')
  assert.equal(execution.executionCount, 1)
}, hasKernel)
check('runCode', 'variables are kept', async () => {
  await run('x = 41')
  assert.equal((await run('x + 1')).text, '42')
}, hasKernel)
check('runCode', 'strings', async () => assert.equal((await run('"a" + "ü"')).text, 'aü'), hasKernel)
check('runCode', 'logs', async () => {
  const { logs } = await run('import sys\nprint("out")\nprint("err", file=sys.stderr)')
  assert.deepEqual(logs, { stdout: ['out\n'], stderr: ['err\n'] })
}, hasKernel)
check('runCode', 'onStdout while it runs', async () => {
  const seen = []
  await run('import time\nfor i in range(3):\n  print(i, flush=True)\n  time.sleep(1)',
    { onStdout: ({ line }) => seen.push({ line, at: Date.now() }) })
  assert.deepEqual(seen.map(({ line }) => line), ['0\n', '1\n', '2\n'])
  assert.ok(seen[2].at - seen[0].at > 1000)
}, hasKernel)
check('runCode', 'error', async () => {
  const results = []
  const execution = await sandbox.runCode('1 / 0', { onError: (e) => results.push(e) })
  assert.equal(execution.error.name, 'ZeroDivisionError')
  assert.equal(execution.error.value, 'division by zero')
  assert.match(execution.error.traceback, /Traceback/)
  assert.equal(results.length, 1)
}, hasKernel)
check('runCode', 'a picture of matplotlib', async () => {
  const { results } = await run('import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()')
  assert.equal(results.length, 1)
  assert.equal(results[0].isMainResult, false)
  assert.deepEqual([...Buffer.from(results[0].png, 'base64').subarray(1, 4)], [...Buffer.from('PNG')])
}, hasKernel)
check('runCode', 'a table of pandas', async () => {
  const { results } = await run('import pandas as pd\npd.DataFrame({"a": [1, 2], "b": ["x", None]})')
  assert.match(results[0].html, /<table/)
  assert.deepEqual(results[0].data, { a: [1, 2], b: ['x', null] })
}, hasKernel)
check('runCode', 'html, latex, json, markdown, other types', async () => {
  const { results } = await run(
    'from IPython.display import *\ndisplay(HTML("<b>b</b>"), Latex("$a$"), JSON({"a": 1}), Markdown("# a"))\n' +
    'display({"x/y": "z"}, raw=True)')
  assert.deepEqual(results.map((result) => result.formats()[0]), ['html', 'latex', 'json', 'markdown', 'x/y'])
  assert.deepEqual(results[2].json, { a: 1 })
}, hasKernel)
check('runCode', 'envs', async () => {
  assert.equal((await run('import os; os.environ["ONLY"]', { envs: { ONLY: "here's" } })).text, "here's")
  assert.equal((await run('os.environ.get("ONLY", "gone")')).text, 'gone')
  assert.equal((await run('os.environ["FROM_CREATE"] + os.environ["HOME"]')).text, 'yes/home/user')
}, hasKernel)
check('runCode', 'timeoutMs', async () => {
  await rejects(sandbox.runCode('import time; time.sleep(60)', { timeoutMs: 1_000 }), 'TimeoutError', /timeoutMs/)
  assert.equal((await run('x')).text, '41', 'the execution was not interrupted')
}, hasKernel)
check('runCode', 'language', async () => {
  assert.equal((await run('1', { language: 'python' })).text, '1')
  await rejects(sandbox.runCode('1', { language: 'r' }), 'SandboxError', /400 there is no kernel for 'r' here/)
}, hasKernel)
check('runCode', 'files are shared with commands', async () => {
  await sandbox.files.write('shared.txt', 'from files')
  assert.equal((await run('open("shared.txt").read()')).text, 'from files')
}, hasKernel)
check('runCode', 'a large program and output', async () => {
  const text = 'ü'.repeat(300_000)
  assert.equal((await run(`len("${text}")`)).text, '300000')
  const { logs } = await run('print("y" * 3_000_000)')
  assert.equal(logs.stdout.join('').length, 3_000_001)
}, hasKernel)
check('runCode', 'too much output', async () => {
  const execution = await sandbox.runCode('for _ in range(20): print("y" * 1_000_000)')
  assert.equal(execution.error.name, 'OutputTooLong')
  assert.equal((await run('x')).text, '41')
}, hasKernel)
check('runCode', 'the kernel dies', async () => {
  const context = await sandbox.createCodeContext()
  const execution = await sandbox.runCode('import os; os._exit(1)', { context })
  assert.equal(execution.error.name, 'KernelDied')
  assert.equal((await run('1 + 1', { context })).text, '2')
  await sandbox.removeCodeContext(context)
}, hasKernel)
check('contexts', 'create, list, remove', async () => {
  const context = await sandbox.createCodeContext({ cwd: '/tmp' })
  assert.deepEqual([context.language, context.cwd], ['python', '/tmp'])
  assert.equal((await run('import os; os.getcwd()', { context })).text, '/tmp')
  const unknown = await sandbox.runCode('x', { context })
  assert.equal(unknown.error.name, 'NameError')
  assert.deepEqual((await sandbox.listCodeContexts()).map(({ id }) => id).sort(), ['default', context.id].sort())
  await sandbox.removeCodeContext(context.id)
  assert.deepEqual((await sandbox.listCodeContexts()).map(({ id }) => id), ['default'])
  await rejects(sandbox.runCode('1', { context }), 'NotFoundError', /not found/)
  const all = await Promise.all(Array.from({ length: 7 }, () => sandbox.createCodeContext()))
  await rejects(sandbox.createCodeContext(), 'SandboxError', /429 there are 8 contexts, which is the most/)
  for (const one of all) await sandbox.removeCodeContext(one)
}, hasKernel)
check('contexts', 'restart', async () => {
  const context = await sandbox.createCodeContext()
  await run('y = 1', { context })
  await sandbox.restartCodeContext(context)
  assert.equal((await sandbox.runCode('y', { context })).error.name, 'NameError')
  await sandbox.removeCodeContext(context)
}, hasKernel)
check('contexts', 'errors', async () => {
  await rejects(sandbox.createCodeContext({ cwd: '/nosuch' }), 'SandboxError', /400 cwd '\/nosuch' does not exist/)
  await rejects(sandbox.createCodeContext({ language: 'bash' }), 'SandboxError', /400 there is no kernel for 'bash'/)
  await rejects(sandbox.removeCodeContext('nosuch'), 'NotFoundError', /not found/)
}, hasKernel)
check('contexts', 'of another gateway', async () => {
  const other = await Sandbox.connect(sandbox.sandboxId, { apiUrl: anotherUrl, sandboxUrl: anotherUrl })
  assert.equal((await other.runCode('x + 2')).text, '43')
}, hasKernel)
check('contexts', 'many calls at once', async () => {
  await run('n = 0')
  await Promise.all(Array.from({ length: 7 }, () => run('n += 1')))
  assert.equal((await run('n')).text, '7')
}, hasKernel)
check('MCP', 'run_python keeps variables and shows pictures', async () => {
  const client = new Client({ name: 'checks', version: '1' })
  const headers = { Authorization: `Bearer ${apiKey}`, 'X-User-Id': 'python' }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }))
  const call = (args, options) => client.callTool({ name: 'run_python', arguments: args }, undefined, options)
  const text = async (args, options) => (await call(args, options)).content[0].text
  try {
    await call({ code: 'x = 41' })
    assert.equal(await text({ code: 'print("out")\nx + 1' }), 'out\n42\n')
    assert.match(await text({ code: 'x', cwd: '/tmp' }), /^41/)
    assert.match(await text({ code: 'import os, sys; print(os.getcwd(), file=sys.stderr)' }), /standard error]\n\/tmp/)
    assert.match(await text({ code: '1 / 0' }), /^-+\nZeroDivisionError/)
    const [picture] = (await call({ code: 'import matplotlib.pyplot as plt\nplt.plot([1]); plt.show()' })).content
    assert.deepEqual([picture.type, picture.mimeType], ['image', 'image/png'])
    const late = await call({ code: 'import time; time.sleep(60)', timeout_seconds: 1 })
    assert.match(late.content[0].text, /interrupted after 1 s; variables are kept/)
    assert.equal(late.isError, true)
    const seen = []
    await call({ code: 'for i in range(2): print("step", i, flush=True); time.sleep(1)' },
      { onprogress: ({ message }) => seen.push(message) })
    assert.match(seen.join(''), /step 0\nstep 1/)
    assert.equal(await text({ code: 'x' }), '41\n')
  } finally {
    await client.callTool({ name: 'stop', arguments: {} })
    await client.close()
  }
}, hasKernel)
check('tokens', 'wrong or missing', async () => {
  const headers = { 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '49999' }
  for (const [more, status] of [[{}, 401], [{ 'X-Access-Token': 'wrong' }, 502], [{ 'E2B-Traffic-Access-Token': 'wrong' }, 502]]) {
    const response = await fetch(`${url}/contexts`, { headers: { ...headers, ...more } })
    assert.equal(response.status, status)
  }
  const execute = await fetch(`${url}/execute`,
    { method: 'POST', headers: { ...headers, 'E2B-Traffic-Access-Token': sandbox.trafficAccessToken }, body: '{"code":"1"}' })
  assert.equal(execute.status, 401, 'the token for ports runs code')
})
check('runCode', 'what answers is no interpreter', async () => {
  const other = await Sandbox.create({ timeoutMs: 60_000 })
  for (const answer of ['b"<html>\\n"', 'b"x" * 100_000', 'b\'{"status": 7}\\n\'', 'b"[" * 60_000 + b"\\n"']) {
    await other.commands.run(`python3 -c '
import os, socket
os.makedirs("/tmp/.zcbot-interpreter", exist_ok=True)
path = "/tmp/.zcbot-interpreter/socket"
if os.path.exists(path): os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
if os.fork() == 0:
  for name in (0, 1, 2): os.close(name)
  client, _ = listener.accept()
  client.recv(1000)
  client.sendall(${answer.replaceAll("'", `'"'"'`)})
  client.close()
'`)
    await rejects(other.runCode('1'), 'SandboxError', /^500 what answers in the sandbox is no code interpreter/)
  }
  await other.kill()
}, hasKernel)
check('kill', 'while code runs', async () => {
  const other = await Sandbox.create({ timeoutMs: 60_000 })
  let started
  const isStarted = new Promise((resolve) => { started = resolve })
  const execution = other.runCode('print("here", flush=True)\nimport time; time.sleep(60)', { onStdout: started })
  const end = rejects(execution, 'TimeoutError', /killed/)
  await isStarted
  await other.kill()
  await end
}, hasKernel)

let failed = 0
for (const { call, option, run } of checks) {
  if (only && !`${call} ${option}`.includes(only)) continue
  const began = performance.now()
  let error
  try {
    const timer = new Promise((_, reject) => setTimeout(() => reject(new Error('no result within 120 s')), 120_000).unref())
    await Promise.race([run(), timer])
  } catch (e) {
    error = `${e.name}: ${e.message}`
    failed++
  }
  const result = error ? 'no' : 'yes'
  console.log(JSON.stringify({ version, call, option, result, error, ms: Math.round(performance.now() - began) }))
}
await sandbox.kill()
process.exit(failed > 0 ? 1 : 0)
