// SPDX-License-Identifier: Apache-2.0
// Checks of the ports of sandboxes. Prints a line of JSON for each check, as checks.mjs does.
//
//   node ports.mjs URL KEY OTHER_TENANTS_KEY
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { Sandbox } from 'e2b'
import { Agent, WebSocket, fetch as undiciFetch } from 'undici'

const [url, apiKey, otherKey] = process.argv.slice(2)
process.env.E2B_API_URL = url
process.env.E2B_SANDBOX_URL = url
process.env.E2B_API_KEY = apiKey
const gateway = new URL(url)
const name = 'e2b-traffic-access-token'
// The names of sandboxes lead to the gateway.
const dispatcher = new Agent({
  connect: { lookup: (host, options, done) => (options.all ? done(null, [{ address: gateway.hostname, family: 4 }]) : done(null, gateway.hostname, 4)) },
})
const address = (sandbox, port, path = '/', scheme = 'http') => `${scheme}://${sandbox.getHost(port).replace(/:.*/, '')}:${gateway.port}${path}`
const visit = (sandbox, port, path, { headers, ...options } = {}) =>
  undiciFetch(address(sandbox, port, path), {
    dispatcher,
    redirect: 'manual',
    ...options,
    headers: { ...(sandbox.trafficAccessToken ? { [name]: sandbox.trafficAccessToken } : {}), ...headers },
  })
const without = (sandbox) => ({ getHost: (port) => sandbox.getHost(port) })

const checks = []
const check = (call, option, run) => checks.push({ call, option, run })
const until = async (condition, ms = 30_000) => {
  const end = Date.now() + ms
  while (!(await condition())) {
    assert.ok(Date.now() < end, `not within ${ms} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const start = async (options) => {
  const sandbox = await Sandbox.create({ timeoutMs: 600_000, ...options })
  await sandbox.files.write('server.mjs', readFileSync(new URL('ports-server.mjs', import.meta.url), 'utf8'))
  let output = ''
  await sandbox.commands.run('node server.mjs', { background: true, timeoutMs: 0, onStdout: (text) => (output += text) })
  await until(() => output.includes('ready'))
  return sandbox
}
const [sandbox, open, other] = await Promise.all([start(), start({ network: { allowPublicTraffic: true } }), start({ apiKey: otherKey })])

check('getHost', '', () => assert.match(sandbox.getHost(8000), new RegExp(`^8000-${sandbox.sandboxId}\\.`)))
check('token', 'missing', async () => {
  const answer = await visit(without(sandbox), 8000, '/request')
  assert.equal(answer.status, 502)
  assert.match((await answer.json()).message, /token in header 'e2b-traffic-access-token' is missing/)
})
check('token', "another tenant's", async () => {
  const answer = await visit(sandbox, 8000, '/request', { headers: { [name]: other.trafficAccessToken } })
  assert.equal(answer.status, 502)
  assert.match((await answer.json()).message, /is invalid/)
})
check('token', 'that of commands and files', async () => {
  const answer = await fetch(`${url}/sandboxes/${sandbox.sandboxId}`, { headers: { 'X-API-KEY': apiKey } })
  const { envdAccessToken } = await answer.json()
  assert.equal((await visit(sandbox, 8000, '/request', { headers: { [name]: envdAccessToken } })).status, 502)
})
check('token', 'opens no files', async () => {
  const headers = { 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '49983', 'X-Access-Token': sandbox.trafficAccessToken }
  assert.equal((await fetch(`${url}/files?path=server.mjs`, { headers })).status, 502)
})
check('token', 'public', async () => assert.equal((await visit(without(open), 8000, '/request')).status, 200))
check('token', 'in the query, then in a cookie', async () => {
  const first = await visit(without(sandbox), 8000, `/request?a=1&${name}=${sandbox.trafficAccessToken}&b=2`)
  assert.deepEqual([first.status, first.headers.get('location')], [303, '/request?a=1&b=2'])
  const [cookie, ...attributes] = first.headers.get('set-cookie').split('; ')
  assert.deepEqual(attributes, ['Path=/', 'HttpOnly', 'SameSite=Lax'])
  const second = await visit(without(sandbox), 8000, '/request', { headers: { cookie: `a=b; ${cookie}; c=d` } })
  assert.equal(second.status, 200)
  const { headers } = await second.json()
  assert.equal(headers[headers.findIndex((text) => text.toLowerCase() === 'cookie') + 1], 'a=b; c=d')
  assert.ok(!JSON.stringify(headers).includes(sandbox.trafficAccessToken))
})
check('token', 'no open redirect', async () => {
  const answer = await visit(without(sandbox), 8000, `//evil.example/x?${name}=${sandbox.trafficAccessToken}`)
  assert.match(answer.headers.get('location') ?? '', /^(\/[^/].*)?$/)
})
check('sandbox', 'unknown', async () => assert.equal((await visit({ getHost: (port) => `${port}-${'0'.repeat(32)}.x.example` }, 8000, '/')).status, 502))
check('port', 'not open', async () => {
  const answer = await visit(sandbox, 8999, '/')
  assert.deepEqual([answer.status, await answer.json()], [502, { sandboxId: sandbox.sandboxId, message: 'The sandbox is running but port is not open', port: 8999, code: 502 }])
})
check('port', 'on ::1 only, where the sandbox has that', async () => assert.equal(await (await visit(sandbox, 8006, '/')).text(), 'six'))
check('port', 'named by headers', async () => {
  const headers = { 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '8000', [name]: sandbox.trafficAccessToken }
  const answer = await fetch(`${url}/request`, { headers })
  assert.equal(answer.status, 200)
  assert.ok(!JSON.stringify(await answer.json()).toLowerCase().includes('e2b-'))
})
check('request', 'method, path, query, headers', async () => {
  const answer = await visit(sandbox, 8000, '/request/../request?q=%20a%2Fb&x', { method: 'DELETE', headers: { 'X-One': '1' } })
  const { method, url: path, headers } = await answer.json()
  assert.deepEqual([method, path], ['DELETE', '/request?q=%20a%2Fb&x'])
  const value = (name) => headers[headers.findIndex((text) => text.toLowerCase() === name) + 1]
  assert.deepEqual([value('x-one'), value('connection')], ['1', 'close'])
  assert.equal(value('host').split(':')[0], sandbox.getHost(8000).split(':')[0])
  assert.deepEqual(answer.headers.getSetCookie(), ['one=1', 'two=2'])
})
check('request', 'HEAD, 204, 304', async () => {
  const head = await visit(sandbox, 8000, '/bytes?count=5000', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '5000', ''])
  for (const code of [204, 304, 500]) assert.equal((await visit(sandbox, 8000, `/status?code=${code}`)).status, code)
})
check('request', 'small body', async () => assert.equal(await (await visit(sandbox, 8000, '/echo', { method: 'POST', body: 'hello' })).text(), 'hello'))
check('request', 'body of 3 MiB in both directions at once, without a length', async () => {
  const body = async function* () {
    for (let i = 0; i < 96; i++) yield Buffer.alloc(32768, i)
  }
  const answer = await visit(sandbox, 8000, '/echo', { method: 'POST', body: body(), duplex: 'half' })
  const bytes = Buffer.from(await answer.arrayBuffer())
  assert.equal(bytes.length, 96 * 32768)
  for (let i = 0; i < 96; i++) assert.equal(bytes[i * 32768], i)
})
check('request', 'refused before its body was read', async () => {
  const answer = await visit(sandbox, 8000, '/refuse', { method: 'POST', body: Buffer.alloc(2 << 20) })
  assert.deepEqual([answer.status, await answer.text()], [413, 'too large'])
  assert.equal((await visit(sandbox, 8000, '/request')).status, 200)
})
check('answer', '20 MiB', async () => {
  const answer = await visit(sandbox, 8000, `/bytes?count=${20 << 20}`)
  assert.equal(answer.headers.get('content-length'), String(20 << 20))
  assert.equal((await answer.arrayBuffer()).byteLength, 20 << 20)
})
check('answer', '6 at once, chunked, of 5 MiB each, beside a WebSocket', async () => {
  const socket = await socketTo(sandbox)
  const sizes = await Promise.all([1, 2, 3, 4, 5, 6].map(async () => (await (await visit(sandbox, 8000, `/bytes?count=${5 << 20}&chunked`)).arrayBuffer()).byteLength))
  assert.deepEqual(sizes, Array(6).fill(5 << 20))
  assert.equal(await said(socket, 'still here'), 'still here')
  socket.close()
})
check('answer', 'a slow reader holds up nobody', async () => {
  const slow = await visit(sandbox, 8000, `/bytes?count=${4 << 20}`)
  const reader = slow.body.getReader()
  await reader.read()
  await new Promise((resolve) => setTimeout(resolve, 500))
  for (let i = 0; i < 5; i++) assert.equal((await visit(sandbox, 8000, '/request')).status, 200)
  let size = 0
  await reader.cancel()
  assert.equal((await visit(sandbox, 8000, '/request')).status, 200)
})
check('answer', 'events', async () => {
  const answer = await visit(sandbox, 8000, '/events')
  assert.equal(answer.headers.get('content-type'), 'text/event-stream')
  const reader = answer.body.getReader()
  const text = []
  while (text.join('').split('data: ').length < 4) text.push(Buffer.from((await reader.read()).value).toString())
  assert.ok(text.length > 1, 'all came at once')
  await reader.cancel()
})
check('answer', 'events of which there are none yet', async () => {
  const answer = await visit(sandbox, 8000, '/silent-events')
  assert.equal(answer.status, 200)
  await answer.body.cancel()
})
check('answer', 'breaks off', async () => {
  const answer = await visit(sandbox, 8000, '/broken')
  await assert.rejects(answer.text())
})
check('answer', 'malformed, or followed by another one', async () => {
  const seen = []
  for (let i = 0; i < 11; i++) {
    const answer = await visit(sandbox, 9000 + i, '/')
    const text = await answer.text().catch(() => 'broken off')
    assert.doesNotMatch(text, /poison/)
    seen.push(text === 'broken off' ? 0 : answer.status)
    if (i === 1) assert.equal(answer.headers.get('x-hop'), null)
  }
  assert.deepEqual(seen, [200, 200, 502, 502, 0, 502, 502, 502, 502, 502, 502])
})
const socketTo = (to, path = '/socket', headers = { [name]: to.trafficAccessToken }) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(address(to, 8000, path, 'ws'), { dispatcher, headers })
    socket.onopen = () => resolve(socket)
    socket.onerror = (e) => reject(e.error ?? new Error(e.message))
  })
const said = (socket, text) =>
  new Promise((resolve) => {
    socket.onmessage = ({ data }) => resolve(data)
    socket.send(text)
  })
check('WebSocket', '', async () => {
  const socket = await socketTo(sandbox)
  for (const text of ['a', 'ü'.repeat(1000), 'x'.repeat(60_000)]) assert.equal(await said(socket, text), text)
  const closed = new Promise((resolve) => (socket.onclose = resolve))
  socket.close(1000)
  assert.equal((await closed).code, 1000)
})
check('WebSocket', 'token in the query', async () => {
  const socket = await socketTo(sandbox, `/socket?${name}=${sandbox.trafficAccessToken}`, {})
  assert.equal(await said(socket, 'x'), 'x')
  socket.close()
})
check('WebSocket', 'without a token, with another tenant\'s, or refused by the server', async () => {
  await assert.rejects(socketTo(sandbox, '/socket', {}))
  await assert.rejects(socketTo(sandbox, '/socket', { [name]: other.trafficAccessToken }))
  await assert.rejects(socketTo(sandbox, '/other'))
})
/** Sends bytes, and returns all that comes back until the gateway closes, or for a second. */
const raw = (text) =>
  new Promise((resolve) => {
    const socket = connect(Number(gateway.port), gateway.hostname, () => socket.write(text))
    let answer = ''
    socket.on('data', (data) => (answer += data)).on('close', () => resolve(answer)).on('error', () => {})
    setTimeout(() => socket.destroy(), 1000)
  })
check('token', "in a cookie, but for another sandbox's page", async () => {
  const host = `8000-${sandbox.sandboxId}.x.example`
  const asked = async (path, headers, method = 'GET') =>
    (await raw(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${name}=${sandbox.trafficAccessToken}\r\nContent-Length: 0\r\n${headers}\r\n`)).slice(9, 12)
  const foreign = `Origin: http://8000-${other.sandboxId}.x.example\r\n`
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  const answers = [
    asked('/request', ''),
    asked('/request', `Origin: https://${host}\r\nSec-Fetch-Site: same-origin\r\n`, 'POST'),
    asked('/request', 'Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\n'),
    asked('/socket', upgrade + `Origin: http://${host}\r\n`),
    asked('/request', foreign, 'POST'),
    asked('/request', 'Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n'),
    asked('/socket', upgrade + foreign),
  ]
  assert.deepEqual(await Promise.all(answers), ['200', '200', '200', '101', '403', '403', '403'])
})
check('request', 'smuggling', async () => {
  const host = `Host: 8000-${sandbox.sandboxId}.x.example\r\n${name}: ${sandbox.trafficAccessToken}\r\n`
  const hidden = `GET /bytes?count=7 HTTP/1.1\r\n${host}\r\n`
  assert.match(await raw(`POST /request HTTP/1.1\r\n${host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`), /^HTTP\/1.1 400 /)
  assert.match(await raw(`POST /request HTTP/1.1\r\n${host}Content-Length: 4\r\nContent-Length: 5\r\n\r\n12345`), /^HTTP\/1.1 400 /)
  const refused = await raw(`POST /request HTTP/1.1\r\n${host.replace('8000-', '8999-')}Content-Length: 100000\r\n\r\n`)
  assert.match(refused, /^HTTP\/1.1 502 [^]*\r\nConnection: close\r\n/i)
  const named = await raw(`GET /request HTTP/1.1\r\n${host}Connection: close, Host, X-One\r\nX-One: 1\r\n\r\n`)
  assert.match(named, /^HTTP\/1.1 200 /)
  assert.doesNotMatch(named, /X-One/i)
})
check('sandbox', 'ended', async () => {
  const socket = await socketTo(open, '/socket', {})
  const closed = new Promise((resolve) => (socket.onclose = resolve))
  await open.kill()
  await closed
  assert.equal((await visit(without(open), 8000, '/request')).status, 502)
})

let failed = 0
for (const { call, option, run } of checks) {
  if (process.env.ONLY && !`${call} ${option}`.includes(process.env.ONLY)) continue
  const began = performance.now()
  let error
  try {
    const timer = new Promise((_, reject) => setTimeout(() => reject(new Error('no result within 60 s')), 60_000).unref())
    await Promise.race([run(), timer])
  } catch (e) {
    error = `${e.name}: ${e.message}`
    failed++
  }
  console.log(JSON.stringify({ call: `ports: ${call}`, option, result: error ? 'no' : 'yes', error, ms: Math.round(performance.now() - began) }))
}
await Promise.all([sandbox.kill(), open.kill(), other.kill({ apiKey: otherKey })])
process.exit(failed > 0 ? 1 : 0)
