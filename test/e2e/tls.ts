/** A TLS origin for localhost with a certificate of its own, made by openssl; null where there is no openssl. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { listen, makeDirectory, type Teardown } from './world.ts'

export interface TlsOrigin {
  readonly server: Server
  readonly port: number
  readonly url: string
  /** Of the one certificate there is, which signs itself. */
  readonly ca: string
  readonly caFile: string
  /** Raw connections, whatever was said on them. */
  readonly sockets: Set<Socket>
}

export async function startTlsOrigin(t: Teardown, serve: RequestListener): Promise<TlsOrigin> {
  const directory = makeDirectory(t)
  const [keyFile, caFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const out = ['-keyout', keyFile, '-out', caFile, '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...out], { stdio: 'ignore' })
  const ca = readFileSync(caFile, 'utf8')
  const server = createServer({ key: readFileSync(keyFile), cert: ca }, serve)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => undefined)
  const port = await listen(t, server)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  return { server, port, url: `https://localhost:${port}`, ca, caFile, sockets }
}
