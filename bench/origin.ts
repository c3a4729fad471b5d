/** The origin of the bench, a process of its own: 1 KiB answers on HTTP, and raw bytes behind a ClientHello. */
import { createServer as createHttpServer } from 'node:http'
import { createServer as createRawServer } from 'node:net'

const body = Buffer.alloc(1024, 'x')
const [httpPort, rawPort] = process.argv.slice(2).map(Number)

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
