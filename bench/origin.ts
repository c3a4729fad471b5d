/** The origin of the bench, a process of its own: 1 KiB answers on HTTP, and raw bytes behind a ClientHello. */

import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createRawServer } from 'node:net'

const body = Buffer.alloc(1024, 'x')
const [httpPort, rawPort, tlsPort] = process.argv.slice(2, 5).map(Number)
const [keyFile = '', certificateFile = ''] = process.argv.slice(5)

const http = createHttpServer((incoming, response) => {
  if (incoming.url === '/endless') {
    response.writeHead(200)
    const timer = setInterval(() => response.write(body), 2)
    response.on('close', () => clearInterval(timer))
    return
  }
  response.writeHead(200, { 'content-length': String(body.length), 'content-type': 'text/plain' })
  response.end(body)
})
http.keepAliveTimeout = 120_000
http.listen(httpPort, '127.0.0.1')

/** Answers whatever comes first with the number of bytes that the connection's last 8 bytes ask for. */
const raw = createRawServer((socket) => {
  socket.on('error', () => socket.destroy())
  socket.once('data', (first: Buffer) => {
    let left = Number(first.readBigUInt64BE(first.length - 8))
    const chunk = Buffer.alloc(256 * 1024, 'x')
    const more = (): void => {
      while (left > 0) {
        const part = left < chunk.length ? chunk.subarray(0, left) : chunk
        left -= part.length
        if (!socket.write(part)) return
      }
      socket.end()
    }
    socket.on('drain', more)
    more()
  })
})
raw.listen(rawPort, '127.0.0.1')

const files = { key: readFileSync(keyFile), cert: readFileSync(certificateFile) }
const tls = createTlsServer(files, (incoming, response) => {
  const url = incoming.url ?? ''
  if (url === '/event') {
    const event = 'data: x\n\n'
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-length': event.length })
    response.end(event)
    return
  }
  const bytes = url.startsWith('/bytes/') ? Number(url.slice(7)) : body.length
  response.writeHead(200, { 'content-length': String(bytes), 'content-type': 'text/plain' })
  const chunk = bytes > body.length ? Buffer.alloc(256 * 1024, 'x') : body
  let left = bytes
  const more = (): void => {
    while (left > 0) {
      const part = left < chunk.length ? chunk.subarray(0, left) : chunk
      left -= part.length
      if (!response.write(part)) return
    }
    response.end()
  }
  response.on('drain', more)
  more()
})
tls.keepAliveTimeout = 120_000
tls.listen(tlsPort, '127.0.0.1')
