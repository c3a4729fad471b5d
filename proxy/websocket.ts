/**
 * WebSocket over plain HTTP. The gate connects to a judged address, httpxy makes the handshake over that
 * connection, the gate checks the answer; then both sockets are joined like a tunnel's.
 */
import { Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createProxyServer } from 'httpxy'
import { answerBytes, answerRefusal } from './answer.ts'
import type { HandleOpening, Opening, ProxyContext } from './context.ts'
import { Crossing } from './crossing.ts'
import { dial } from './dial.ts'
import { Early } from './early.ts'
import { acceptFault, clientHeaders, handshakeFault, upstreamHeaders } from './handshake.ts'
import { writeHost } from './host.ts'
import { readByEvents } from './inlet.ts'
import { firstAsk } from './meter.ts'
import { receiptText } from './refuse.ts'
import { Stage } from './stage.ts'

const plainPort = 80

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
}

/** Marks an answer as ours, and takes out what only we may say. */
function mark(upgrade: Upgrade, response: IncomingMessage): void {
  const { passage } = upgrade.crossing
  const headers = clientHeaders(response.headers)
  headers['haltgate-decision'] = passage.observed ? 'allow' : passage.verdict
  headers['haltgate-receipt'] = receiptText(passage.receipt)
  headers['haltgate-policy'] = passage.policy
  if (passage.observed) headers['haltgate-observed'] = passage.verdict
  response.headers = headers
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
    const fault = acceptFault(response, key)
    if (fault !== null) {
      crossing.fail('upstream-protocol', fault)
      return
    }
    crossing.status = 101
    mark(upgrade, response)
  })
  upstreamRequest.on('response', (response: IncomingMessage) => {
    patient()
    crossing.status = response.statusCode ?? 0
    mark(upgrade, response)
    opening.socket.setTimeout(idleTimeoutMs, () => crossing.cut('upstream-timeout'))
  })
}

/** Sends the handshake over the connection; whatever becomes of it ends the crossing. */
function shake(upgrade: Upgrade, connection: Socket): void {
  const { crossing, early, opening } = upgrade
  const { facts, headers, request } = opening
  const stage = createStage(upgrade)
  const proxy = createProxyServer({
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
    crossing.join(readByEvents(upstream), early.stop())
  })
  // A question mark with nothing behind it is kept: what was judged is what is sent (I12).
  const question = request.url?.includes('?') === true ? '?' : ''
  request.url = `${facts.path}${question}${facts.query}`
  request.headers = upstreamHeaders(headers, writeHost(facts.host, facts.port, plainPort))
  void proxy.ws(request, stage, {})
}

async function open(context: ProxyContext, opening: Opening): Promise<void> {
  const { facts, head, headBytes, socket } = opening
  const { gate, limits } = context
  const early = new Early(socket, head)
  const passage = await gate.admit(
    facts,
    { charge: {}, ask: firstAsk(limits, true) },
    context.resolve,
  )
  if (passage.refused) {
    answerRefusal(context, socket, passage)
    return
  }
  const crossing = new Crossing(context, passage, socket)
  early.onLeave(() => crossing.cut(''))
  if (!crossing.open()) return
  const upstream = await dial({
    addresses: passage.addresses,
    port: facts.port,
    timeoutMs: limits.dialTimeoutMs,
    after: context.after,
    own: (dialled) => crossing.own(dialled),
    ended: () => crossing.ended,
  })
  if (crossing.ended) return
  if ('code' in upstream) {
    crossing.fail(upstream.code, upstream.message)
    return
  }
  const upgrade = { context, opening, crossing, early }
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
