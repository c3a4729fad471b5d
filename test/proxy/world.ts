/** A proxy over loopback with a gate that follows a script: it says what was asked, and answers what it was told. */
import { createHash } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Passage, Settlement } from '../../gate/passage.ts'
import type { Destination } from '../../gate/ports.ts'
import type { Refusal } from '../../gate/refusal.ts'
import type { Vector } from '../../kernel/dimension.ts'
import type { Classification, Policy } from '../../kernel/policy.ts'
import { type ReasonCode, reasons } from '../../kernel/reasons.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import type { Deciding, HandleOpening, Opening, Rejection } from '../../proxy/context.ts'
import type { Limits } from '../../proxy/limits.ts'
import { type ProxyServer as RunningProxy, startProxy } from '../../proxy/server.ts'

export const token = 'correct-horse'
const tokenHash = createHash('sha256').update(token).digest('hex')
const receipt = { seq: 7, hash: 'ab'.repeat(32) }
export const digest = `sha256:${'0'.repeat(64)}`

export const basic = (user: string, password = token): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

export function refusalWith(code: ReasonCode, more: Partial<Refusal> = {}): Refusal {
  return {
    refused: true,
    status: reasons[code].status,
    code,
    decision: reasons[code].status >= 500 ? 'error' : 'deny',
    reasons: [{ code, id: '', message: `because ${code}` }],
    retry: reasons[code].retry,
    retryAfterSeconds: null,
    receipt,
    policy: digest,
    remaining: [],
    approval: null,
    halt: null,
    ...more,
  }
}

const agents = new Map(
  ['researcher', 'trader'].map((name) => [
    name,
    { name, tenant: 'acme', project: 'web', actor: null, type: 'act_agent', tokens: [tokenHash] },
  ]),
)

const classification: Classification = {
  rules: [],
  drafts: [],
  budgets: [],
  domain: '',
  action: '',
  resource: '',
  charge: {},
  context: {},
  addresses: [],
  tls: 'tunnel',
  refusals: [],
  decoder: '',
  payload: [],
  inject: [],
  upstreamProxy: '',
  capability: '',
  price: null,
  ask: {},
  least: {},
}

const policy: Policy = {
  digest,
  mode: 'enforce',
  defaultVerdict: 'allow',
  rules: new Map(),
  budgets: new Map(),
  agents,
  source: '{}',
  inspects: false,
  credentials: new Map(),
  upstreamProxies: new Map(),
  approvers: new Map(),
  issuers: new Map(),
  domains: new Map(),
  classify: () => classification,
  judge: () => null,
}

/** One admission as the scripted gate saw it, up to its settlement. */
export interface Admission {
  readonly facts: RequestFacts
  readonly charge: Vector
  readonly ask: Vector
  opened: number
  readonly settlements: Settlement[]
  readonly extensions: Vector[]
  cut: ((refusal: Refusal) => void) | null
}

export interface Script {
  /** A refusal refuses; a number of addresses admits to them; the default admits to what was resolved. */
  admit?: (
    facts: RequestFacts,
  ) => Refusal | readonly string[] | Promise<Refusal | readonly string[]>
  limits?: Vector
  extend?: (ask: Vector, limits: Record<string, number>) => Refusal | null
  open?: () => Refusal | null
  observed?: boolean
  verdict?: string
}

export class ScriptedGate implements Deciding {
  readonly policy = policy
  draining = false
  script: Script = {}
  readonly admissions: Admission[] = []
  readonly rejections: Rejection[] = []

  async admit(
    facts: RequestFacts,
    amounts: { readonly charge: Vector; readonly ask: Vector },
  ): Promise<Passage | Refusal> {
    const admission: Admission = {
      ...{ facts, ...amounts, opened: 0, settlements: [], extensions: [], cut: null },
    }
    this.admissions.push(admission)
    const script = this.script
    const answer = await (script.admit?.(facts) ?? ['127.0.0.1'])
    if ('refused' in answer) return answer
    const limits: Record<string, number> = { ...script.limits }
    return {
      refused: false,
      classification,
      receipt,
      policy: digest,
      verdict: script.verdict ?? 'allow',
      observed: script.observed ?? false,
      attested: null,
      addresses: answer,
      limits,
      open: (cut) => {
        const refusal = script.open?.() ?? null
        if (refusal !== null) return refusal
        admission.opened += 1
        admission.cut = cut
        return null
      },
      extend: async (ask) => {
        admission.extensions.push(ask)
        if (script.extend !== undefined) return script.extend(ask, limits)
        for (const [name, amount] of Object.entries(ask))
          limits[name] = (limits[name] ?? 0) + amount
        return null
      },
      settle: (settlement) => {
        admission.settlements.push(settlement)
      },
    }
  }

  allows(): boolean {
    return true
  }

  async reach(): Promise<Classification> {
    return classification
  }

  async reject(rejection: Rejection): Promise<Refusal> {
    this.rejections.push(rejection)
    const { code, message } = rejection
    const status = rejection.status ?? reasons[code].status
    return refusalWith(code, { status, reasons: [{ code, id: '', message }] })
  }
}

export interface World {
  readonly gate: ScriptedGate
  readonly proxy: RunningProxy
  readonly port: number
  readonly openings: Opening[]
  close(): Promise<void>
}

export interface WorldOptions {
  readonly limits?: Partial<Limits>
  readonly listenerAgent?: string | null
  readonly tunnel?: HandleOpening
  readonly websocket?: HandleOpening
}

/** Starts a proxy whose listener speaks for `researcher`, unless told otherwise. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const gate = new ScriptedGate()
  const openings: Opening[] = []
  let count = 0
  const opened: HandleOpening = async (_context, _connection, opening) => {
    openings.push(opening)
    opening.socket.end('HTTP/1.1 200 Opened\r\n\r\n')
  }
  const proxy = await startProxy({
    gate,
    resolve: (): Destination => ({ ok: true, addresses: ['127.0.0.1'] }),
    openers: { tunnel: options.tunnel ?? opened, websocket: options.websocket ?? opened },
    host: '127.0.0.1',
    port: 0,
    listenerAgent: options.listenerAgent === undefined ? 'researcher' : options.listenerAgent,
    limits: { drainMs: 500, lingerMs: 300, ...options.limits },
    log: () => {},
    newId: () => `r${++count}`,
    monotonic: () => performance.now(),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs).unref()
      return () => clearTimeout(timer)
    },
  })
  return { gate, proxy, port: proxy.address.port, openings, close: () => proxy.close() }
}

/** An origin on raw sockets: what it saw, byte for byte, and an answer for each connection. */
export interface RawOrigin {
  readonly port: number
  /** All bytes of each connection, as latin1. */
  readonly seen: string[]
  readonly sockets: Set<Socket>
  readonly connections: () => number
  close(): Promise<void>
}

export type Serve = (socket: Socket, text: string, index: number) => void

/** serve  called with all that came so far on a connection, on each new chunk. */
export async function startRawOrigin(serve: Serve): Promise<RawOrigin> {
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    const index = seen.push('') - 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('end', () => socket.end())
    socket.on('data', (chunk: Buffer) => {
      seen[index] += chunk.toString('latin1')
      serve(socket, seen[index] ?? '', index)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  const { port } = server.address() as AddressInfo
  return { port, seen, sockets, connections: () => seen.length, close }
}

export interface Heard {
  readonly text: string
  /** How the connection ended: by the proxy's FIN, its reset, or not within the wait. */
  readonly fate: 'ended' | 'reset' | 'open'
}

export interface Listening {
  readonly waitMs?: number
  /** Enough was heard; the rest is not waited for. */
  readonly until?: RegExp | ((text: string) => boolean)
}

/** The path of the last request in what an origin saw on a connection. */
export function lastPath(text: string): string {
  return [...text.matchAll(/^[A-Z]+ (\S+) HTTP\/1.1\r$/gm)].at(-1)?.[1] ?? ''
}

/** Sends raw bytes and listens until the peer ends, or for `waitMs` at most. */
export function exchangeRaw(
  port: number,
  bytes: string,
  { waitMs = 400, until }: Listening = {},
): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const finish = (fate: Heard['fate']): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, fate })
    }
    const timer = setTimeout(() => finish('open'), waitMs)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (until instanceof RegExp ? until.test(text) : until?.(text)) finish('open')
    })
    socket.on('end', () => finish('ended'))
    socket.on('error', () => finish('reset'))
    socket.write(Buffer.from(bytes, 'latin1'))
  })
}

/** Waits until a condition holds; fails the promise after `waitMs`. */
export async function eventually(condition: () => boolean, waitMs = 3000): Promise<void> {
  const until = performance.now() + waitMs
  while (!condition()) {
    if (performance.now() > until) throw new Error(`not within ${waitMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A world and a raw origin, ended with the test. */
export interface Pair {
  readonly world: World
  readonly origin: RawOrigin
  readonly base: string
}

export async function startPair(
  t: { teardown(callback: () => Promise<void>): void },
  serve: Serve,
  limits: Partial<Limits> = {},
): Promise<Pair> {
  const world = await startWorld({ limits })
  const origin = await startRawOrigin(serve)
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  return { world, origin, base: `http://127.0.0.1:${origin.port}` }
}
