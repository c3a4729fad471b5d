/** A whole gate in this process, with what it inspects by, its tunnels from within, and proxies that it is sent through. */
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, isIP, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { openLog } from '../../cli/log.ts'
import { settingsOf } from '../../cli/settings.ts'
import { openWorld, type World } from '../../cli/world.ts'
import type { Entry } from '../../ledger/entry.ts'
import type { Limits } from '../../proxy/limits.ts'
import { isInMemory, makeDirectory, readEntries, type Teardown } from '../e2e/world.ts'

export interface Terms {
  /** Of the policy, behind its first lines: rules and what they name. */
  readonly policy: string
  readonly tls?: 'inspect' | 'tunnel'
  readonly upstreamCa?: string
  readonly upstreamProxy?: string
  readonly limits?: Partial<Limits>
}

export interface Gate {
  readonly world: World
  readonly port: number
  /** What clients inside have to trust. */
  ca(): Promise<string>
  entries(...kinds: readonly string[]): readonly Entry[]
  /** Resolves with the settlements once there are so many. */
  settled(count: number): Promise<readonly Entry[]>
  /** A tunnel to localhost that the gate looks into. */
  inside(port: number): Promise<TLSSocket>
  writePolicy(policy: string): void
}

const policyOf = ({ policy, tls = 'inspect' }: Terms): string =>
  `version: 1\ndefaults: { verdict: deny, tls: ${tls} }\nagents: { tester: {} }\n${policy}`

export async function openChainGate(t: Teardown, terms: Terms): Promise<Gate> {
  const directory = makeDirectory(t)
  const policyFile = join(directory, 'policies.yaml')
  const upstreamCa = join(directory, 'upstream.pem')
  writeFileSync(policyFile, policyOf(terms))
  writeFileSync(upstreamCa, terms.upstreamCa ?? '')
  const settings = settingsOf(
    {
      ...{ listen: '127.0.0.1:0', control: '127.0.0.1:0', logLevel: 'silent', agent: 'tester' },
      ...{ policy: policyFile, data: join(directory, 'data') },
      ...(terms.upstreamCa === undefined ? {} : { upstreamCa }),
      ...(terms.upstreamProxy === undefined ? {} : { upstreamProxy: terms.upstreamProxy }),
      anyFilesystem: isInMemory(directory),
    },
    {},
  )
  const limits = { drainMs: 1, lingerMs: 50, ...terms.limits }
  const world = await openWorld({ settings, log: openLog('silent'), onSeal: () => {}, limits })
  t.teardown(() => world.close())
  const { port } = world.proxy
  const ca = async (): Promise<string> => {
    const { readFileSync } = await import('node:fs')
    return readFileSync(join(directory, 'data', 'ca', 'root.pem'), 'utf8')
  }
  const entries: Gate['entries'] = (...kinds) => readEntries(settings.dataDirectory, kinds)
  return {
    ...{ world, port, ca, entries },
    settled: async (count) => {
      for (;;) {
        const found = entries('settlement')
        if (found.length >= count) return found
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    inside: async (target) => {
      const socket = await tunnelTo(t, port, `localhost:${target}`)
      const trusted = { ca: await ca(), servername: 'localhost', ALPNProtocols: ['http/1.1'] }
      const secure = tlsConnect({ socket, ...trusted })
      secure.on('error', () => {})
      await new Promise<void>((resolve, reject) => {
        secure.once('secureConnect', resolve)
        secure.once('close', () => reject(new Error('the tunnel was not opened')))
      })
      return secure
    },
    writePolicy: (policy) => writeFileSync(policyFile, policyOf({ ...terms, policy })),
  }
}

/** A tunnel that stands; its answer has been read. */
export async function tunnelTo(t: Teardown, port: number, target: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  let head = ''
  while (!head.includes('\r\n\r\n')) {
    const piece = await new Promise<Buffer | null>((resolve) => {
      socket.once('data', resolve)
      socket.once('close', () => resolve(null))
    })
    if (piece === null) throw new Error(`the tunnel was not opened: ${head}`)
    head += piece.toString('latin1')
  }
  socket.pause()
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(head)
  return socket
}

/** What a proxy of the test says to one request: nothing of it where it serves it. */
export type Saying = (socket: Socket, head: string) => 'serve' | 'said'

export interface OtherProxy {
  readonly port: number
  readonly url: string
  /** The head of each request, as it came. */
  readonly heads: readonly string[]
  /** What CONNECT was asked for, without its port. */
  hosts(): readonly string[]
  connections(): number
}

/** A proxy that knows CONNECT, and absolute-form by letting the test answer. */
export async function startOtherProxy(
  t: Teardown,
  says: Saying = () => 'serve',
): Promise<OtherProxy> {
  const heads: string[] = []
  const sockets = new Set<Socket>()
  let count = 0
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {})
  }
  const server = createServer((socket) => {
    keep(socket)
    count += 1
    let text = ''
    const hear = (piece: Buffer): void => {
      text += piece.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      heads.push(text)
      const head = text
      text = ''
      if (says(socket, head) === 'said') return
      socket.off('data', hear)
      relay(socket, head, keep)
    }
    socket.on('data', hear)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const hosts = (): readonly string[] =>
    heads.map((head) => /^CONNECT (\S+):\d+ HTTP\/1\.1\r\n/.exec(head)?.[1] ?? head)
  return { port, url: `http://127.0.0.1:${port}`, heads, hosts, connections: () => count }
}

function relay(socket: Socket, head: string, keep: (socket: Socket) => void): void {
  const [, host = '', port = ''] = /^CONNECT (\S+):(\d+) /.exec(head) ?? []
  const literal = host.replace(/^\[|\]$/g, '')
  // A proxy that resolves by itself would be a way around: this one refuses to.
  if (isIP(literal) === 0 && literal !== 'localhost') {
    socket.end('HTTP/1.1 500 No Address\r\n\r\n')
    return
  }
  const upstream = connect(Number(port), isIP(literal) === 0 ? '127.0.0.1' : literal)
  keep(upstream)
  upstream.once('connect', () => {
    socket.write('HTTP/1.1 200 OK\r\nVia: 1.1 other\r\n\r\n')
    socket.pipe(upstream)
    upstream.pipe(socket)
  })
  upstream.once('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'))
  upstream.once('close', () => socket.destroy())
  socket.once('close', () => upstream.destroy())
}
