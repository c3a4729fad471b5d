/**
 * A connection that the network redirected here: it asked for nothing, so what its first bytes name is what it asks for.
 * TLS stands for CONNECT to its SNI and port 443, HTTP for its Host and port 80; what names no host is refused. Where it
 * was bound for is not asked: the gate resolves the name itself, so that a name never lends its rules to another address.
 */
import type { RequestFacts } from '../kernel/request.ts'
import { answerBytes } from './answer.ts'
import type { Client } from './client.ts'
import { openSecure } from './connect.ts'
import type { Desk } from './desk.ts'
import { Greeting, type Heard } from './greeting.ts'
import { type Objection, objectionTo } from './objection.ts'
import { alertVoice } from './voice.ts'

const securePort = 443

/** What the first bytes have against them; null where they name a host. */
function faultOf(heard: Heard, silent: boolean): Objection | null {
  const malformed = (message: string): Objection => ({ code: 'malformed-request', message })
  switch (heard.kind) {
    case 'left':
      return malformed('The connection ended within a ClientHello.')
    case 'stalled':
      if (silent) return malformed('Nothing was said in time: only TLS and HTTP name their host.')
      return malformed('No whole ClientHello came in time.')
    case 'malformed':
      return malformed(heard.message)
    case 'hello': {
      if (heard.sni !== null) return null
      return {
        code: 'authority-mismatch',
        message: 'The ClientHello names no host: it has no SNI.',
      }
    }
    case 'not-tls':
      return null
  }
}

/** Owns the socket of a client that was just accepted, and answers every outcome on it. */
export async function handleRedirected(desk: Desk, client: Client): Promise<void> {
  const { context } = desk
  const { gate, limits, listenerAgent } = context
  const { listener, socket } = client
  const greeting = new Greeting(socket, Buffer.alloc(0))
  const patient = context.after(limits.headersTimeoutMs, () => greeting.stop())
  const heard = await greeting.heard
  patient()
  if (heard.kind === 'not-tls') {
    context.serveInner(client, socket, greeting.bytes)
    return
  }
  const silent = greeting.bytes.length === 0
  client.done = true
  // Nothing was asked, or nobody is left to be told.
  if (heard.kind === 'left' && (silent || socket.destroyed)) {
    socket.destroy()
    return
  }
  const identity = client.identify(gate.policy, null, listenerAgent)
  const principal = identity.ok ? identity.principal : null
  const fault = faultOf(heard, silent) ?? (identity.ok ? null : identity)
  if (fault !== null || principal === null || heard.kind !== 'hello' || heard.sni === null) {
    const { code, message } = fault ?? { code: 'malformed-request', message: 'No host is named.' }
    await gate.reject({ code, message, principal, listener })
    answerBytes(context, socket, greeting.denial)
    return
  }
  const host = heard.sni
  const facts: RequestFacts = {
    ...{ id: context.newId(), principal, host, port: securePort, path: '', query: '' },
    ...{ kind: 'tunnel', method: 'CONNECT', scheme: 'https', headers: {}, content: null },
  }
  await openSecure({
    context: { ...context, voice: alertVoice },
    connection: client,
    opening: { facts, socket },
    greeting,
    objection: objectionTo(heard, host, 'tunnel'),
  })
}
