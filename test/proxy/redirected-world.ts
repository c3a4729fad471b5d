/**
 * A whole gate with a transparent listener. What it lets through goes by an upstream proxy of the test, which leads ports
 * 80 and 443 to origins on free ports: so no test needs to be root, and each name that the gate looks up is seen.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { openLog } from '../../cli/log.ts'
import { settingsOf } from '../../cli/settings.ts'
import { openWorld, type World } from '../../cli/world.ts'
import type { Entry } from '../../ledger/entry.ts'
import type { Limits } from '../../proxy/limits.ts'
import { isInMemory, listen, makeDirectory, readEntries, type Teardown } from '../e2e/world.ts'
import { type OtherProxy, startOtherProxy } from './chain-world.ts'
import { selfSigned, signedBy } from './tls/certificates.ts'
import { eventually } from './world.ts'

export interface Terms {
  readonly tls?: 'inspect' | 'tunnel'
  readonly limits?: Partial<Limits>
  /** YAML list items, two spaces in, behind the rule that allows origin.test and other.test. */
  readonly rules?: string
}

export interface Redirected {
  readonly world: World
  /** Of the transparent listener. */
  readonly port: number
  readonly other: OtherProxy
  /** Names that the gate looked up. */
  readonly looked: readonly string[]
  /** All that came to port 443 of any host, before anybody made sense of it. */
  readonly raw: () => Buffer
  /** Root of the origin's certificate. */
  readonly ca: string
  /** Root of the gate. */
  gateCa(): string
  entries(...kinds: readonly string[]): readonly Entry[]
  /** Resolves with the entries of a kind once there are so many. */
  until(kind: string, count: number): Promise<readonly Entry[]>
  readonly directory: string
}

const policyOf = ({ rules = '', tls = 'tunnel' }: Terms): string =>
  `version: 1
defaults: { verdict: deny, tls: ${tls} }
agents: { tester: {} }
rules:
  - id: origin
    hosts: [origin.test, other.test]
    addresses: [127.0.0.0/8]
    effect: allow
${rules}`

const served = (head: string): string => {
  const body = `${/^\S+ \S+/.exec(head)?.[0]}`
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** An origin that speaks TLS and answers HTTP/1.1 inside with the request's first words. */
async function startSecure(t: Teardown): Promise<{ readonly port: number; readonly ca: string }> {
  const root = await selfSigned('test root')
  const { cert, key } = await signedBy(root, 'origin.test', {
    names: [{ type: 'dns', value: 'origin.test' }],
  })
  const server = createTlsServer({ cert, key, ALPNProtocols: ['http/1.1'] }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', (piece: Buffer) => socket.write(served(piece.toString('latin1'))))
  })
  server.on('tlsClientError', () => {})
  return { port: await listen(t, server), ca: root.cert }
}

/** Leads CONNECT to port 443 to an origin, and answers what is asked at port 80 itself; all else it refuses. */
function leadingTo(t: Teardown, port: number, pieces: Buffer[]): Promise<OtherProxy> {
  return startOtherProxy(t, (socket, head) => {
    if (!/^CONNECT \S+:443 /.test(head)) {
      const isOpening = /^CONNECT \S+:80 /.test(head)
      const isAsking = /^[A-Z]+ \//.test(head)
      if (isOpening) socket.write('HTTP/1.1 200 OK\r\n\r\n')
      else if (isAsking) socket.write(served(head))
      else socket.end('HTTP/1.1 403 No\r\n\r\n')
      return 'said'
    }
    const upstream = connect(port, '127.0.0.1')
    t.teardown(() => upstream.destroy())
    upstream.on('error', () => {})
    socket.removeAllListeners('data')
    socket.on('data', (piece: Buffer) => pieces.push(piece))
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    socket.pipe(upstream)
    upstream.pipe(socket)
    socket.once('close', () => upstream.destroy())
    return 'said'
  })
}

export async function openRedirected(t: Teardown, terms: Terms = {}): Promise<Redirected> {
  const directory = makeDirectory(t)
  const policyFile = join(directory, 'policies.yaml')
  const secure = await startSecure(t)
  const pieces: Buffer[] = []
  const other = await leadingTo(t, secure.port, pieces)
  const upstreamCa = join(directory, 'upstream.pem')
  writeFileSync(policyFile, policyOf(terms))
  writeFileSync(upstreamCa, secure.ca)
  const settings = settingsOf(
    {
      ...{ listen: '127.0.0.1:0', control: '127.0.0.1:0', transparent: '127.0.0.1:0' },
      ...{ logLevel: 'silent', agent: 'tester', upstreamCa, upstreamProxy: other.url },
      ...{ policy: policyFile, data: join(directory, 'data') },
      anyFilesystem: isInMemory(directory),
    },
    {},
  )
  const looked: string[] = []
  const world = await openWorld({
    ...{ settings, log: openLog('silent'), onSeal: () => {} },
    limits: { drainMs: 50, lingerMs: 50, ...terms.limits },
    lookup: (host, callback) => {
      looked.push(host)
      setImmediate(() => callback(null, ['127.0.0.1']))
    },
  })
  t.teardown(() => world.close())
  const entries: Redirected['entries'] = (...kinds) => readEntries(settings.dataDirectory, kinds)
  return {
    ...{ world, port: world.transparent?.port ?? 0, other, looked, entries },
    ...{ ca: secure.ca, raw: () => Buffer.concat(pieces), directory: settings.dataDirectory },
    gateCa: () => readFileSync(join(settings.dataDirectory, 'ca', 'root.pem'), 'utf8'),
    until: async (kind, count) => {
      await eventually(() => entries(kind).length >= count)
      return entries(kind)
    },
  }
}
