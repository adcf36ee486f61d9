// SPDX-License-Identifier: Apache-2.0
// Checks of the tools with the client that agents use. Prints a line of JSON for each check, and ends
// with the number of those that failed.
//
//   node mcp.mjs http URL KEY OTHER_TENANTS_KEY KEY_FOR_ONE_SANDBOX URL_OF_ANOTHER_GATEWAY
//   node mcp.mjs stdio COMMAND [ARGUMENT]...
import assert from 'node:assert/strict'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const [transport, ...rest] = process.argv.slice(2)
const overHttp = (url, key, user) => {
  const headers = { Authorization: `Bearer ${key}`, ...(user ? { 'X-User-Id': user } : {}) }
  return new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } })
}
const connect = async (to) => {
  const client = new Client({ name: 'checks', version: '1' })
  await client.connect(to)
  return client
}
const [url, key, otherKey, limitedKey, anotherUrl] = rest
const client = await connect(
  transport === 'http'
    ? overHttp(url, key)
    : new StdioClientTransport({ command: rest[0], args: rest.slice(1), env: process.env, stderr: 'inherit' }))
const text = (result) => result.content[0].text
const call = async (name, args = {}, options = {}, by = client) => {
  const result = await by.callTool({ name, arguments: args }, undefined, { timeout: 120_000, ...options })
  return { text: text(result), isError: result.isError === true }
}
const untilSleeps = async (marker, wanted) => {
  const end = Date.now() + 60_000
  const count = async () =>
    Number((await call('run_shell', { command: `pgrep -cx -f 'sleep ${marker}' || true` })).text.split('\n')[0])
  while ((await count()) !== wanted) assert.ok(Date.now() < end, `not ${wanted} within 60 s`)
}
const checks = []
const check = (name, run, when = true) => when && checks.push({ name, run })
const isHttp = transport === 'http'

check('tools are listed with schemas and hints', async () => {
  const { tools } = await client.listTools()
  assert.deepEqual(tools.map((tool) => tool.name).sort(),
    ['list_files', 'read_file', 'run_python', 'run_shell', 'stop', 'write_file'])
  for (const tool of tools) {
    assert.equal(tool.inputSchema.type, 'object')
    assert.equal(typeof tool.annotations.readOnlyHint, 'boolean')
    assert.ok(tool.description.length > 40)
  }
  assert.equal(tools.find((tool) => tool.name === 'read_file').annotations.readOnlyHint, true)
  assert.equal(tools.find((tool) => tool.name === 'stop').annotations.destructiveHint, true)
})
check('ping', () => client.ping())
check('a shell command: output, errors, exit code', async () => {
  const result = await call('run_shell', { command: 'pwd; echo bad >&2; exit 3' })
  assert.equal(result.text, '/workspace\n\n[standard error]\nbad\n\n[exit code 3]')
  assert.equal(result.isError, false)
  assert.match((await call('run_shell', { command: 'pwd', cwd: '/tmp' })).text, /^\/tmp\n/)
})
check('Python, in an image without a kernel', async () => {
  const { text } = await call('run_python', { code: 'print(6 * 7)' })
  assert.equal(text, '42\n\n[exit code 0]\n[variables are not kept: this sandbox has no kernel]')
  assert.match((await call('run_python', { code: '1 / 0' })).text, /ZeroDivisionError[^]*\[exit code 1\]/)
})
check('files are written, read in parts, and listed', async () => {
  const content = 'ä€😀'.repeat(10_000)
  assert.match((await call('write_file', { path: 'a dir/ä.txt', content })).text,
    /^wrote 90000 bytes to \/workspace\/a dir\/ä\.txt$/)
  let read = '', offset = 0
  do {
    const part = (await call('read_file', { path: '/workspace/a dir/ä.txt', offset })).text
    const [, shown, next] = /^([^]*)\n\[bytes \d+ to (\d+) of 90000/.exec(part)
    read += shown
    offset = Number(next)
  } while (offset < 90_000)
  assert.equal(read, content)
  await call('write_file', { path: 'b.bin', content: 'AP8Q', encoding: 'base64' })
  assert.equal((await call('read_file', { path: 'b.bin', encoding: 'base64' })).text, 'AP8Q')
  const listed = (await call('list_files', { depth: 2 })).text
  assert.match(listed, /^directory \d+ \S+ \/workspace\/a dir$/m)
  assert.match(listed, /^file 90000 \S+ \/workspace\/a dir\/ä\.txt$/m)
  assert.match(listed, /^file 3 \S+ \/workspace\/b\.bin$/m)
})
check('files are resources', async () => {
  await call('write_file', { path: 'r/ä b.txt', content: 'text ü' })
  await call('write_file', { path: 'r/c.png', content: 'AP8Q', encoding: 'base64' })
  const { resources } = await client.listResources()
  const listed = resources.find(({ name }) => name === 'r/ä b.txt')
  assert.equal(listed.uri, 'file:///workspace/r/%C3%A4%20b.txt')
  assert.equal(listed.size, 7)
  const [read] = (await client.readResource({ uri: listed.uri })).contents
  assert.deepEqual([read.uri, read.text, read.mimeType], [listed.uri, 'text ü', 'text/plain'])
  const [picture] = (await client.readResource({ uri: 'file:///workspace/r/c.png' })).contents
  assert.deepEqual([picture.blob, picture.mimeType], ['AP8Q', 'image/png'])
  assert.equal((await client.listResourceTemplates()).resourceTemplates[0].uriTemplate, 'file:///{+path}')
  for (const uri of ['file:///nosuch', 'http://a/b', 'file:///workspace/%00', '', 'file:///workspace'])
    await assert.rejects(client.readResource({ uri }), ({ code }) => code === -32002 || code === -32602, uri)
  await assert.rejects(client.listResources({ cursor: 'x' }), { code: -32602 })
  await call('run_shell', { command: 'mkdir many; cd many; seq 501 | xargs touch; head -c 5000000 /dev/zero > large' })
  const pages = [await client.listResources()]
  pages.push(await client.listResources({ cursor: pages[0].nextCursor }))
  assert.deepEqual(pages.map((page) => page.resources.length > 0), [true, true])
  assert.equal(pages[0].resources.length, 500)
  assert.equal(pages[1].nextCursor, undefined)
  await assert.rejects(client.readResource({ uri: 'file:///workspace/many/large' }), /5000000 bytes.*read_file/)
  await call('run_shell', { command: 'rm -r many' })
})
check('long output is bounded', async () => {
  const result = await call('run_shell', { command: 'seq 1 30000' })
  assert.ok(result.text.length < 66_000, `${result.text.length}`)
  assert.match(result.text, /^1\n2\n[^]*bytes are not shown[^]*\n30000\n\n\[exit code 0\]$/)
  const dropped = await call('run_shell', { command: 'yes | head -c 2000000' })
  assert.ok(dropped.text.length < 66_000)
  assert.match(dropped.text, /more output was dropped; redirect it to a file/)
})
check('errors say what to do', async () => {
  for (const [name, args, expected] of [
    ['run_shell', {}, /command is missing/],
    ['run_shell', { command: 7 }, /command must be a string/],
    ['run_shell', { command: 'true', timeout_seconds: 0 }, /timeout_seconds must be a whole number from 1/],
    ['run_shell', { command: 'echo before; sleep 30', timeout_seconds: 1 }, /before[^]*killed at its time-out[^]*larger timeout_seconds/],
    ['run_shell', { command: 'true', cwd: '/nosuch' }, /nosuch/],
    ['read_file', { path: 'nosuch' }, /does not exist/],
    ['write_file', { path: 'x', content: '%%%', encoding: 'latin' }, /encoding must be utf-8 or base64/]
  ]) {
    const result = await call(name, args)
    assert.equal(result.isError, true, `${name} ${JSON.stringify(args)}`)
    assert.match(result.text, expected)
  }
  const unknown = await client.callTool({ name: 'nosuch', arguments: {} }).then((result) => result.isError, () => true)
  assert.equal(unknown, true)
})
check('progress arrives while the command runs', async () => {
  const seen = []
  const result = await call('run_shell', { command: 'for i in 1 2 3; do echo step $i; sleep 1; done' },
    { onprogress: ({ message }) => seen.push({ message, at: Date.now() }) })
  assert.match(seen.map(({ message }) => message).join(''), /step 1\nstep 2\nstep 3\n/)
  assert.ok(Date.now() - seen[0].at > 1500, 'the first came only at the end')
  assert.match(result.text, /step 3\n\n\[exit code 0\]$/)
})
check('cancelling a call kills its command, and only that', async () => {
  const other = call('run_shell', { command: 'sleep 8; echo still here' })
  const abort = new AbortController()
  const marker = `4${Date.now() % 10_000_000}`
  const cancelled = assert.rejects(call('run_shell', { command: `sleep ${marker}` }, { signal: abort.signal }))
  await untilSleeps(marker, 1)
  abort.abort()
  await cancelled
  await untilSleeps(marker, 0)
  assert.match((await other).text, /still here/)
})
check('users and tenants have sandboxes of their own', async () => {
  await call('write_file', { path: 'mine', content: 'mine' })
  for (const to of [overHttp(url, key, 'somebody else'), overHttp(url, otherKey)]) {
    const stranger = await connect(to)
    assert.match((await call('read_file', { path: 'mine' }, {}, stranger)).text, /does not exist/)
    assert.equal((await call('stop', {}, {}, stranger)).text, 'the sandbox has ended')
    await stranger.close()
  }
  const again = await connect(overHttp(url, key, 'default'))
  assert.equal((await call('read_file', { path: 'mine' }, {}, again)).text, 'mine')
}, isHttp)
check('the limit of a key holds', async () => {
  const [one, two] = await Promise.all(['one', 'two'].map((user) => connect(overHttp(url, limitedKey, user))))
  assert.equal((await call('list_files', {}, {}, one)).text, '[no files]')
  const refused = await call('list_files', {}, {}, two)
  assert.equal(refused.isError, true)
  assert.match(refused.text, /this key allows 1 sandboxes at once; end one/)
  await call('stop', {}, {}, one)
  assert.equal((await call('list_files', {}, {}, two)).text, '[no files]')
  await call('stop', {}, {}, two)
}, isHttp)
check('a session goes on at another gateway, where a call is cancelled too', async () => {
  const marker = `5${Date.now() % 10_000_000}`
  const session = '00000000-0000-4000-8000-000000000000'
  const post = (to, body) => fetch(`${to}/mcp`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${key}`, 'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream', 'Mcp-Session-Id': session
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...body })
  })
  const running = post(url, { id: 'x', method: 'tools/call', params: { name: 'run_shell', arguments: { command: `sleep ${marker}`, timeout_seconds: 120 } } })
  await untilSleeps(marker, 1)
  const cancelled = await post(anotherUrl, { method: 'notifications/cancelled', params: { requestId: 'x' } })
  assert.equal(cancelled.status, 202)
  const answer = await (await running).json()
  assert.equal(answer.result.content[0].text, '\n[killed by signal 9]')
}, isHttp)
check('what is no request of the protocol is refused', async () => {
  const post = (headers, body = '{"jsonrpc":"2.0","id":1,"method":"ping"}', method = 'POST') => fetch(`${url}/mcp`, {
    method,
    headers: {
      Authorization: `Bearer ${key}`, 'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream', ...headers
    },
    body: method === 'POST' ? body : undefined
  })
  assert.equal((await post({})).status, 200)
  assert.equal((await post({ Authorization: '' })).status, 401)
  assert.equal((await post({ Authorization: 'Bearer e2b_00' })).status, 401)
  assert.equal((await post({ Origin: 'http://evil.example' })).status, 403)
  assert.equal((await post({ Origin: 'http://localhost:1' })).status, 200)
  assert.equal((await post({ 'Content-Type': 'text/plain' })).status, 415)
  assert.equal((await post({ Accept: 'text/html' })).status, 406)
  assert.equal((await post({ 'MCP-Protocol-Version': '1999-01-01' })).status, 400)
  assert.equal((await post({}, '{')).status, 400)
  assert.equal((await post({}, undefined, 'GET')).status, 405)
  assert.equal((await post({}, undefined, 'DELETE')).status, 405)
  assert.equal((await post({}, 'x'.repeat((8 << 20) + 1))).status, 413)
  const batch = await (await post({}, '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},7]')).json()
  assert.deepEqual(batch.map(({ id, error }) => [id, error?.code]), [[1, undefined], [null, -32600]])
  assert.equal((await (await post({}, '{"jsonrpc":"2.0","id":"a","method":"nosuch"}')).json()).error.code, -32601)
}, isHttp)
check('stop ends the sandbox', async () => {
  await call('write_file', { path: 'kept', content: 'kept' })
  await call('write_file', { path: '/tmp/left', content: '' })
  assert.equal((await call('stop')).text, 'the sandbox has ended')
  assert.equal((await call('stop')).text, 'there was no sandbox')
  assert.match((await call('read_file', { path: '/tmp/left' })).text, /does not exist/)
  assert.equal((await call('read_file', { path: 'kept' })).text, 'kept')
  assert.equal((await call('stop')).text, 'the sandbox has ended')
})
check('a call right after stop has a new sandbox', async () => {
  for (let i = 0; i < 5; i++) {
    assert.equal((await call('run_shell', { command: 'echo new' })).text, 'new\n\n[exit code 0]')
    assert.equal((await call('stop')).text, 'the sandbox has ended')
  }
})

let failed = 0
for (const { name, run } of checks) {
  const began = Date.now()
  try {
    await run()
    console.log(JSON.stringify({ check: name, result: 'yes', ms: Date.now() - began }))
  } catch (e) {
    failed++
    console.log(JSON.stringify({ check: name, result: 'no', ms: Date.now() - began, error: String(e.stack) }))
  }
}
await client.close()
process.exit(failed)
