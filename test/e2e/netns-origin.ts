/** A host of the test, run as a process in a network namespace of its own: it answers whoever gets there, on every port. */
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer } from 'node:net'
import { selfSigned, signedBy } from '../proxy/tls/certificates.ts'
import { addresses } from './netns-ground.ts'

const webPorts = { plain: 80, secure: 443 }
/** As doctor tries them, and that of DNS. */
const otherPorts = [22, 25, 53, 853, 8443]
const datagramPorts = [53, 443, 9999]

const serve: RequestListener = (request, response) => {
  const from = request.socket.remoteAddress?.replace('::ffff:', '')
  response.end(`${request.url} from ${from}`)
}

/** An answer to any question: one address (RFC 1035 4.1). */
function answer(question: Buffer): Buffer {
  const end = question.indexOf(0, 12) + 5
  const isAddress = question.readUInt16BE(end - 4) === 1
  const head = Buffer.from([question[0] ?? 0, question[1] ?? 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0])
  head[7] = isAddress ? 1 : 0
  const octets = addresses.origin.split('.').map(Number)
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, ...octets])
  return Buffer.concat([head, question.subarray(12, end), ...(isAddress ? [record] : [])])
}

async function main(): Promise<void> {
  const root = await selfSigned('netns root')
  const names = [{ type: 'dns', value: 'origin.test' }] as const
  const { cert, key } = await signedBy(root, 'origin.test', { names })
  writeFileSync(process.argv[2] ?? 'root.pem', root.cert)
  const servers = [
    { server: createHttp(serve), port: webPorts.plain },
    { server: createHttps({ cert, key }, serve), port: webPorts.secure },
    ...otherPorts.map((port) => ({
      server: createServer((socket) => {
        socket.on('error', () => undefined)
        socket.end('reached\n')
      }),
      port,
    })),
  ]
  for (const { port, server } of servers) {
    await new Promise<void>((resolve) => server.listen({ host: '::', port }, resolve))
  }
  for (const port of datagramPorts) {
    const socket = createSocket('udp6', (question, { address, port: back }) => {
      socket.send(port === 53 && question.length > 16 ? answer(question) : 'reached', back, address)
    })
    socket.on('error', () => undefined)
    await new Promise<void>((resolve) => socket.bind({ port }, resolve))
  }
  process.stdout.write('ready\n')
}

await main()
