/** What the HTTP server tells of, request by request: each goes to an exchange, a tunnel or an upgrade, in turn. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { answerRefusal } from './answer.ts'
import type { Busy, Client } from './client.ts'
import type { HandleOpening } from './context.ts'
import type { Desk } from './desk.ts'
import { Exchange } from './exchange.ts'
import { type OpeningKind, takeIn } from './intake.ts'
import { launch } from './launch.ts'
import type { Waiting } from './line.ts'
import { readParserError } from './parser-error.ts'
import { sever } from './sever.ts'

/** The handlers of what leaves HTTP behind: CONNECT and websocket. */
export interface Openers {
  readonly tunnel: HandleOpening
  readonly websocket: HandleOpening
}

/** Serves one request, or lets it wait for the one before it. */
export function handleRequest(desk: Desk, asked: Waiting): void {
  const client = desk.clients.get(asked.request.socket)
  // What still comes on a connection that is being refused is read and thrown away.
  if (client === undefined || client.done) return
  if (client.busy === null) {
    serve(desk, client, asked)
    return
  }
  const fault = client.line.add(asked)
  if (fault === null) return
  client.done = true
  launchFor(desk, client.socket, rejectAndDestroy(desk, client, fault))
}

function serve(desk: Desk, client: Client, exchange: Waiting): void {
  const busy = new Exchange(desk, client, exchange)
  client.busy = busy
  exchange.response.on('close', () => next(desk, client, busy))
  launchFor(desk, client.socket, busy.run())
}

/** Starts work for one connection; what nobody expected of it severs that connection. */
export function launchFor(desk: Desk, socket: Socket, work: Promise<void>): void {
  launch(desk.context.log, work, () => sever([socket]))
}

/** The response is out, or its connection gone: then the upstream is let go of at once. */
function next(desk: Desk, client: Client, before: Busy): void {
  before.abandon()
  if (client.busy !== before) return
  client.busy = null
  // The client was told that its connection ends with this response: what it sent behind is not served.
  if (!before.response.shouldKeepAlive) client.done = true
  if (client.done || client.socket.destroyed) return
  const waiting = client.line.next()
  if (waiting !== undefined) serve(desk, client, waiting)
  else if (desk.ending) client.socket.destroySoon()
}

export interface Leaving {
  readonly request: IncomingMessage
  readonly socket: Socket
  /** Bytes that came behind the header section. */
  readonly head: Buffer
  readonly kind: Exclude<OpeningKind, 'request'>
}

/** Hands a CONNECT or an upgrade to its opener, once the front has nothing against it. */
export async function handleOpening(desk: Desk, openers: Openers, leaving: Leaving): Promise<void> {
  const { context } = desk
  const { head, kind, request, socket } = leaving
  const client = desk.clients.get(socket)
  if (client === undefined || client.done) return
  client.done = true
  socket.setTimeout(0)
  if (client.busy !== null) {
    await rejectAndDestroy(desk, client, 'A tunnel was pipelined behind a request.')
    return
  }
  const intake = takeIn(desk, client, { raw: request, kind })
  if (!intake.ok) {
    const { code, message, principal, status } = intake
    const { listener } = client
    const refusal = await context.gate.reject({ code, message, principal, status, listener })
    answerRefusal(context, socket, refusal)
    return
  }
  const { headers, bytes } = intake.head
  const { id, principal, method, scheme, host, port, path, query } = intake.facts
  const facts = { id, principal, kind, method, scheme, host, port, path, query, content: null }
  const opening = { request, socket, head, headers, headBytes: bytes }
  const open = kind === 'tunnel' ? openers.tunnel : openers.websocket
  await open(context, client, {
    ...opening,
    facts: { ...facts, headers: intake.facts.headers, content: null },
  })
}

/** Answers what the parser refused, or what came too late; the connection ends with it. */
export async function handleClientError(desk: Desk, error: Error, socket: Socket): Promise<void> {
  const client = desk.clients.get(socket)
  const wrong = readParserError(error)
  if (client === undefined || wrong === null || client.done || !socket.writable) {
    if (client?.done !== true) socket.destroy()
    return
  }
  client.done = true
  // Nothing was ever asked on it, or its client left in the middle of a body: there is nothing to refuse.
  const { busy } = client
  if (busy?.unfit === true) return
  if ((wrong.late && socket.bytesRead === 0) || (wrong.cutOff && busy !== null)) {
    socket.destroy()
    return
  }
  const answerable = busy === null || !busy.response.headersSent
  busy?.abandon()
  const { code, message, status } = wrong
  const { listener, principal } = client
  const refusal = await desk.context.gate.reject({ code, message, status, principal, listener })
  if (answerable) answerRefusal(desk.context, socket, refusal)
  else socket.destroy()
}

/** Nothing moved on a socket for a while: its client is cut off, unless it is the upstream that is slow. */
export function handleIdle(desk: Desk, socket: Socket): void {
  const busy = desk.clients.get(socket)?.busy ?? null
  if (busy === null || busy.waitsForClient) socket.destroy()
}

async function rejectAndDestroy(desk: Desk, client: Client, message: string): Promise<void> {
  const { listener, principal } = client
  client.socket.destroy()
  await desk.context.gate.reject({ code: 'malformed-request', message, principal, listener })
}
