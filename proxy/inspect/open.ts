/**
 * Opens an inspected tunnel: the client's TLS ends here, with a leaf for the host that CONNECT named, and what is asked
 * inside is judged request by request. Nothing of the tunnel itself goes upstream.
 */
import type { TLSSocket } from 'node:tls'
import type { ReasonCode } from '../../kernel/reasons.ts'
import { answerBytes, answerRefusal } from '../answer.ts'
import type { Connection, Opening, ProxyContext } from '../context.ts'
import type { Greeting } from '../greeting.ts'
import { objectionTo } from '../objection.ts'

export interface Inspected {
  readonly context: ProxyContext
  readonly connection: Connection
  readonly opening: Pick<Opening, 'facts' | 'socket'>
  readonly greeting: Greeting
  /** The answer to the CONNECT; empty where nobody asked. */
  readonly established: string
}

export async function openInspected(inspected: Inspected): Promise<void> {
  const { context, connection, opening, greeting } = inspected
  const { facts, socket } = opening
  const { host, port, principal } = facts
  const { after, gate, limits, sight } = context
  const { listener } = connection
  const refuse = async (code: ReasonCode, message: string): Promise<void> => {
    greeting.stop()
    answerRefusal(context, socket, await gate.reject({ code, message, principal, listener }))
  }
  const secured = await sight.secured()
  if (secured === null) {
    await refuse('inspection-required', 'This gate has no CA to inspect the tunnel with.')
    return
  }
  const minted = await secured.mint.contextOf(host, principal)
  if (!minted.ok) {
    await refuse(minted.code, minted.message)
    return
  }
  if (socket.destroyed) return
  socket.write(inspected.established, 'latin1')
  const patient = after(limits.headersTimeoutMs, () => greeting.stop())
  const hello = await greeting.heard
  patient()
  if (hello.kind === 'left') {
    socket.destroy()
    return
  }
  const objection = objectionTo(hello, host, 'inspect')
  if (objection !== null) {
    await gate.reject({ ...objection, principal, listener })
    answerBytes(context, socket, greeting.denial)
    return
  }
  const { acceptTls } = await import('../tls/accept.ts')
  const accepted = await acceptTls({
    socket,
    early: greeting.bytes,
    context: minted.context,
    alpn: ['h2', 'http/1.1'],
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
    after,
  })
  if (!accepted.ok) {
    const { message } = accepted
    await gate.reject({ code: 'inspection-required', message, principal, listener })
    return
  }
  const inside: Connection = { listener, principal, authority: { host, port }, scheme: 'https' }
  serve(context, inside, accepted)
}

function serve(
  context: ProxyContext,
  inside: Connection,
  { protocol, socket }: { readonly protocol: 'h2' | 'http/1.1'; readonly socket: TLSSocket },
): void {
  if (protocol === 'h2') context.serveStreams(inside, socket)
  else context.serveInner(inside, socket, Buffer.alloc(0))
}
