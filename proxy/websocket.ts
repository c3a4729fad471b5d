/**
 * WebSockets, over plain HTTP and inside of an inspected tunnel. The gate connects to a judged address, by TLS where the
 * client came by it; httpxy makes the handshake over that connection, the gate checks the answer; then both sockets are
 * joined like a tunnel's. Where there is something to look for, messages are searched on their way, and no extension is
 * offered that would hide them.
 */
import { Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createProxyServer } from 'httpxy'
import { answerBytes, answerRefusal } from './answer.ts'
import type { HandleOpening, Opening, ProxyContext } from './context.ts'
import { Crossing } from './crossing.ts'
import { Early } from './early.ts'
import { acceptFault, gather, handshakeFault, readUpgradeHead, switching } from './handshake.ts'
import { writeHost } from './host.ts'
import { readByEvents } from './inlet.ts'
import { closeFrame } from './inspect/frames.ts'
import { guarded } from './inspect/guard.ts'
import { HandshakeJudged, leaving, toldSecret } from './inspect/handshake.ts'
import { without } from './inspect/header.ts'
import { type Screen, screened, screenOf } from './inspect/messages.ts'
import type { Objection } from './inspect/objection.ts'
import { launch } from './launch.ts'
import { firstAsk } from './meter.ts'
import { receiptText } from './refuse.ts'
import { cleanPhrase, type ResponseHead } from './response-head.ts'
import type { Outgoing } from './sight.ts'
import { Stage } from './stage.ts'

const portsImplied = { http: 80, https: 443 } as const

/** Gives out the one connection that was made for this request, and never makes another (I5). */
class Pinned extends Agent {
  readonly #connection: Socket
  constructor(connection: Socket) {
    super({ keepAlive: false })
    this.#connection = connection
  }
  override createConnection(): Duplex {
    return this.#connection
  }
}

interface Upgrade {
  readonly context: ProxyContext
  readonly opening: Opening
  readonly crossing: Crossing
  readonly early: Early
  /** What leaves: the client's own headers and query, and what was set on the way out. */
  readonly outgoing: Outgoing
  /** What searches the messages; null where they pass as they are. */
  readonly screen: Screen | null
}

/** RFC 6455 section 7.4.1: against our policy, and against the protocol. */
const closeStatuses = { policy: 1008, protocol: 1002 } as const

const extensions = 'sec-websocket-extensions'

/** Marks an answer as ours, without what stays on the upstream's hop and what only we may say. */
function mark(upgrade: Upgrade, response: IncomingMessage, head: ResponseHead): void {
  const { passage } = upgrade.crossing
  const headers = gather(head.headers)
  if (response.statusCode === 101) Object.assign(headers, switching)
  // httpxy puts the chunks around the body anew where it finds this, and drops it otherwise.
  else if (response.headers['transfer-encoding'] !== undefined)
    headers['transfer-encoding'] = 'chunked'
  headers['haltgate-decision'] = passage.observed ? 'allow' : passage.verdict
  headers['haltgate-receipt'] = receiptText(passage.receipt)
  headers['haltgate-policy'] = passage.policy
  if (passage.observed) headers['haltgate-observed'] = passage.verdict
  response.headers = headers
  response.statusMessage = cleanPhrase(response.statusMessage ?? '')
}

/** Carries an answer of httpxy to the client through the meter. */
function createStage(upgrade: Upgrade): Stage {
  const { context, crossing, opening } = upgrade
  const client = opening.socket
  return new Stage({
    write: (chunk, done) => {
      crossing.spend('down', chunk.length, () => client.write(chunk, () => done()))
    },
    // Only an answer other than 101 ends here; after a 101 httpxy ends its stage when the upstream breaks.
    end: () => {
      if (crossing.status !== 101 && crossing.abandon('')) answerBytes(context, client, '')
    },
    broken: () => crossing.cut('upstream-protocol'),
  })
}

/** The head of an answer that may go on; null where it may not, which ended the crossing. */
function answerOf({ context, crossing }: Upgrade, response: IncomingMessage): ResponseHead | null {
  const head = readUpgradeHead(response)
  if (!head.ok) {
    crossing.fail('upstream-protocol', head.message)
    return null
  }
  const told = toldSecret(context.sight, head)
  if (told === null) return head
  crossing.fail(told.code, told.message)
  return null
}

/** RFC 6455 section 4.1: what was not offered is not agreed on. */
function extensionFault({ screen }: Upgrade, response: IncomingMessage): string | null {
  const isAgreed = response.headers[extensions] !== undefined
  return screen !== null && isAgreed
    ? 'The upstream takes an extension that it was not offered.'
    : null
}

/** Listens to httpxy's request before httpxy does, and so has the first word on every answer. */
function supervise(upgrade: Upgrade, upstreamRequest: ClientRequest): void {
  const { context, crossing, opening } = upgrade
  const { idleTimeoutMs, upstreamHeadersTimeoutMs } = context.limits
  const patient = crossing.after(upstreamHeadersTimeoutMs, () => {
    crossing.fail('upstream-timeout', 'The upstream did not answer the handshake in time.')
  })
  upstreamRequest.on('upgrade', (response: IncomingMessage) => {
    patient()
    const key = opening.request.headers['sec-websocket-key'] ?? ''
    const fault = acceptFault(response, key) ?? extensionFault(upgrade, response)
    if (fault !== null) {
      crossing.fail('upstream-protocol', fault)
      return
    }
    const head = answerOf(upgrade, response)
    if (head === null) return
    crossing.status = 101
    mark(upgrade, response, head)
  })
  upstreamRequest.on('response', (response: IncomingMessage) => {
    patient()
    const head = answerOf(upgrade, response)
    if (head === null) return
    crossing.status = response.statusCode ?? 0
    mark(upgrade, response, head)
    opening.socket.setTimeout(idleTimeoutMs, () => crossing.cut('upstream-timeout'))
  })
}

/** Joins both sides, with whoever searches the messages between them. */
function join({ context, crossing, early, opening, screen }: Upgrade, upstream: Socket): void {
  const client = opening.socket
  const source = readByEvents(upstream)
  const first = early.stop()
  if (screen === null) {
    crossing.join(source, first)
    return
  }
  crossing.found = () => screen.findings
  const object = ({ code }: Objection): void => {
    const isPolicy = code.startsWith('payload-')
    const status = isPolicy ? closeStatuses.policy : closeStatuses.protocol
    const bytes = closeFrame(status, `haltgate: ${code}`)
    if (crossing.abandon(code)) answerBytes(context, client, bytes)
  }
  const taken = screen.up.take(first)
  if (taken.objection !== null) {
    object(taken.objection)
    return
  }
  const down = screened(source, screen.down, object)
  crossing.join(down, taken.bytes, screened(readByEvents(client), screen.up, object))
}

/** Sends the handshake over the connection; whatever becomes of it ends the crossing. */
function shake(upgrade: Upgrade, connection: Socket): void {
  const { context, crossing, opening, outgoing } = upgrade
  const { facts, request } = opening
  const stage = createStage(upgrade)
  const proxy = createProxyServer({
    // Whatever the scheme is: the one connection that it gets is by TLS already where it has to be.
    target: { protocol: 'http:', host: facts.host, port: facts.port },
    agent: new Pinned(connection),
    prependPath: false,
  })
  proxy.on('proxyReqWs', (upstreamRequest) => supervise(upgrade, upstreamRequest))
  proxy.on('error', (error: NodeJS.ErrnoException) => {
    // An answer that breaks off must not look whole; after a 101 the sockets' own ends decide.
    if (crossing.status !== 0) {
      if (crossing.status !== 101) crossing.cut('upstream-protocol')
      return
    }
    const code = error.code?.startsWith('HPE_') ? 'upstream-protocol' : 'upstream-unreachable'
    crossing.fail(code, `The handshake with the upstream failed: ${error.code ?? 'closed'}.`)
  })
  proxy.on('open', (upstream) => {
    if (crossing.ended) return
    // httpxy joins the sockets by pipes that know no meter: ours take their place in the same turn.
    upstream.unpipe(stage)
    stage.unpipe(upstream)
    join(upgrade, upstream)
  })
  // A question mark with nothing behind it is kept: what was judged is what is sent (I12).
  const question = request.url?.includes('?') === true ? '?' : ''
  request.url = `${facts.path}${outgoing.query === '' ? question : '?'}${outgoing.query}`
  const host = writeHost(facts.host, facts.port, portsImplied[facts.scheme])
  const { headers } = outgoing
  const offered = upgrade.screen === null ? headers : without(headers, extensions)
  request.headers = { ...gather(offered), host, ...switching }
  launch(context.log, proxy.ws(request, stage, {}), () => crossing.cut(''))
}

async function open(context: ProxyContext, opening: Opening): Promise<void> {
  const { facts, head, headBytes, headers, socket } = opening
  const { gate, limits, resolve, sight } = context
  const early = new Early(socket, head)
  const { read, findings } = new HandshakeJudged(sight, opening)
  const ask = firstAsk(limits, true)
  const amounts = guarded(sight, { facts, head: { headers } }, { charge: {}, ask, findings })
  const left = (gone: () => void): (() => void) => {
    socket.once('close', gone)
    return () => socket.off('close', gone)
  }
  const passage = await gate.admit(facts, amounts, { resolve, read, left })
  if (passage.refused) {
    answerRefusal(context, socket, passage)
    return
  }
  const crossing = new Crossing(context, passage, socket)
  early.onLeave(() => crossing.cut(''))
  const set = await leaving(sight, opening, passage)
  if (!set.ok) {
    crossing.fail(set.reason.code, set.reason.message)
    return
  }
  if (!crossing.open()) return
  // The client's own tunnel was opened by it: it is there.
  const secure = facts.scheme === 'https' ? ((await sight.secured())?.pools ?? null) : null
  if (facts.scheme === 'https' && secure === null) {
    crossing.fail('inspection-required', 'This gate has no way to verify the upstream by.')
    return
  }
  const upstream = await crossing.dial(facts, { secure })
  if (upstream === null) return
  const screen = screenOf(sight, passage.classification.payload)
  const upgrade = { context, opening, crossing, early, outgoing: set.outgoing, screen }
  crossing.spend('up', headBytes, () => shake(upgrade, upstream))
}

/** See HandleOpening. */
export const handleUpgrade: HandleOpening = async (context, connection, opening) => {
  const { facts, request, socket } = opening
  // What an error means for the passage, 'close' tells; without a handler it would end the process.
  socket.on('error', () => {})
  const fault = handshakeFault(request)
  if (fault === null) {
    await open(context, opening)
    return
  }
  const { principal } = facts
  const { listener } = connection
  const code = 'malformed-request'
  const refusal = await context.gate.reject({ code, message: fault, principal, listener })
  answerRefusal(context, socket, refusal)
}
