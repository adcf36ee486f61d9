// SPDX-License-Identifier: Apache-2.0
// A server for the checks of ports, which runs in a sandbox: HTTP, WebSocket, and answers that no server may give.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://x')
  if (pathname === '/request') {
    response.setHeader('Set-Cookie', ['one=1', 'two=2'])
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.rawHeaders }))
  } else if (pathname === '/echo') {
    request.pipe(response)
  } else if (pathname === '/sink') {
    let count = 0
    request.on('data', (data) => (count += data.length)).on('end', () => response.end(String(count)))
  } else if (pathname === '/bytes') {
    const count = Number(searchParams.get('count'))
    response.writeHead(200, searchParams.has('chunked') ? {} : { 'Content-Length': count })
    const piece = Buffer.alloc(65536, 'x')
    for (let sent = 0; sent < count; sent += piece.length) {
      if (!response.write(piece.subarray(0, Math.min(piece.length, count - sent)))) {
        await new Promise((resolve) => response.once('drain', resolve))
      }
    }
    response.end()
  } else if (pathname === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.flushHeaders()
    const beat = setInterval(() => response.write(`data: ${Date.now()}\n\n`), 200)
    request.on('close', () => clearInterval(beat))
  } else if (pathname === '/silent-events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.flushHeaders()
  } else if (pathname === '/refuse') {
    response.writeHead(413, { Connection: 'close' }).end('too large')
  } else if (pathname === '/status') {
    response.writeHead(Number(searchParams.get('code'))).end()
  } else if (pathname === '/broken') {
    response.writeHead(200, { 'Content-Length': 1000 })
    response.write('half')
    setTimeout(() => request.socket.destroy(), 100)
  } else {
    response.writeHead(404).end()
  }
})
// WebSockets: each message of up to 65535 bytes comes back.
server.on('upgrade', (request, socket) => {
  if (request.url !== '/socket') {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    return
  }
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = createHash('sha1').update(key).digest('base64')
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
  let buffer = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (data) => {
    buffer = Buffer.concat([buffer, data])
    while (buffer.length >= 6) {
      const isLong = (buffer[1] & 127) === 126
      if (isLong && buffer.length < 8) return
      const length = isLong ? buffer.readUInt16BE(2) : buffer[1] & 127
      const start = isLong ? 8 : 6
      if (buffer.length < start + length) return
      const body = Buffer.from(buffer.subarray(start, start + length))
      const mask = buffer.subarray(start - 4, start)
      for (let i = 0; i < length; i++) body[i] ^= mask[i & 3]
      const head = isLong ? Buffer.from([buffer[0], 126, length >> 8, length & 255]) : Buffer.from([buffer[0], length])
      socket.write(Buffer.concat([head, body]))
      if ((buffer[0] & 15) === 8) socket.end()
      buffer = buffer.subarray(start + length)
    }
  })
})
server.listen(8000, '127.0.0.1')
const six = createServer((request, response) => response.end('six'))
six.on('error', () => six.listen(8006, '127.0.0.1')).listen(8006, '::1') // some sandboxes have no IPv6

// Answers that are not HTTP, or that begin a second answer behind the first one.
const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\npoison',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX: ' + 'x'.repeat(100_000) + '\r\n\r\n',
  'nothing like it\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100),
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\npoison',
  'HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n',
  '',
]
answers.forEach((answer, i) =>
  createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  }).listen(9000 + i, '127.0.0.1'),
)
console.log('ready')
