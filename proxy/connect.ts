/** CONNECT: what can be seen inside goes back to be judged request by request, everything else is a tunnel. */
import type { Classification } from '../kernel/policy.ts'
import { answerBytes, answerRefusal } from './answer.ts'
import type { Connection, HandleOpening, Opening, ProxyContext } from './context.ts'
import { Crossing } from './crossing.ts'
import { Greeting } from './greeting.ts'
import { readAuthority } from './host.ts'
import { Inlet } from './inlet.ts'
import { firstAsk } from './meter.ts'
import { type Objection, objectionTo } from './objection.ts'
import { unreadable } from './unreadable.ts'

const plainPort = 80

interface Tunnel {
  readonly context: ProxyContext
  readonly connection: Connection
  readonly opening: Pick<Opening, 'facts' | 'socket'>
  readonly greeting: Greeting
  /** What is known before it is admitted, and speaks against passing it through unseen. */
  readonly objection: Objection | null
}

/** Judged by whether any rule could allow the host at all; null where none could, which was answered. */
async function reachOf(
  context: ProxyContext,
  opening: Tunnel['opening'],
  scheme: 'http' | 'https',
): Promise<Classification | null> {
  const { facts, socket } = opening
  const { headers, host, id, method, path, port, principal, query } = facts
  const reached = await context.gate.reach({
    ...{ id, principal, method, host, port, path, query, headers, content: null },
    kind: 'reach',
    scheme,
  })
  if (!('refused' in reached)) return socket.destroyed ? null : reached
  answerRefusal(context, socket, reached)
  return null
}

/** Plain HTTP in a tunnel to port 80: each request inside is judged by itself. */
async function openPlain(
  context: ProxyContext,
  connection: Connection,
  opening: Opening,
): Promise<void> {
  if ((await reachOf(context, opening, 'http')) === null) return
  const { facts, head, socket } = opening
  const { host, port, principal } = facts
  socket.write(context.voice.established(context.gate.policy.digest, null), 'latin1')
  const { listener } = connection
  context.serveInner({ listener, principal, authority: { host, port } }, socket, head)
}

/** By TLS: opened and judged inside, or passed through unseen, as the policy says. */
export async function openSecure(tunnel: Tunnel): Promise<void> {
  const { context, opening, greeting, objection } = tunnel
  const { policy } = context.gate
  if (policy.inspects) {
    const reached = await reachOf(context, opening, 'https')
    if (reached === null) {
      greeting.stop()
      return
    }
    if (reached.tls === 'inspect') {
      const { openInspected } = await import('./inspect/open.ts')
      await openInspected({
        ...tunnel,
        established: context.voice.established(policy.digest, null),
      })
      return
    }
  }
  if (objection === null) await openTunnel(tunnel)
  else await refuseOpening(tunnel, objection)
}

async function refuseOpening(
  { context, connection, opening }: Pick<Tunnel, 'context' | 'connection' | 'opening'>,
  { code, message }: Objection,
): Promise<void> {
  const { facts, socket } = opening
  const { listener } = connection
  const { principal } = facts
  answerRefusal(context, socket, await context.gate.reject({ code, message, principal, listener }))
}

/** Ends a tunnel that was established and then did not say what it had to: nothing of it went upstream. */
async function turnAway(tunnel: Tunnel, crossing: Crossing, objection: Objection): Promise<void> {
  const { context, connection, opening, greeting } = tunnel
  const { socket, facts } = opening
  const { code, message } = objection
  crossing.abandon(code)
  const { listener } = connection
  await context.gate.reject({ code, message, principal: facts.principal, listener })
  answerBytes(context, socket, greeting.denial)
}

async function openTunnel(tunnel: Tunnel): Promise<void> {
  const { context, opening, greeting } = tunnel
  const { facts, socket } = opening
  const { gate, limits } = context
  const passage = await gate.admit(
    facts,
    { charge: {}, ask: firstAsk(limits, true) },
    {
      resolve: context.resolve,
      read: unreadable,
      left: (gone) => void socket.once('close', gone),
    },
  )
  if (passage.refused) {
    answerRefusal(context, socket, passage)
    return
  }
  const crossing = new Crossing(context, passage, socket)
  if (!crossing.open()) return
  const inlet = new Inlet()
  const upstream = await crossing.dial(facts, { onread: inlet.onread })
  if (upstream === null) return
  crossing.status = 200
  socket.write(context.voice.established(passage.policy, passage), 'latin1')
  // An upstream that leaves before the client has spoken ends the tunnel: there is nobody to join.
  const left = (): void => crossing.cut('upstream-unreachable')
  upstream.once('close', left)
  const patient = crossing.after(limits.headersTimeoutMs, () => greeting.stop())
  const hello = await greeting.heard
  patient()
  upstream.removeListener('close', left)
  if (crossing.ended) return
  const objection = hello.kind === 'left' ? null : objectionTo(hello, facts.host, 'tunnel')
  if (hello.kind === 'left') crossing.cut('')
  else if (objection !== null) await turnAway(tunnel, crossing, objection)
  else crossing.join(inlet.from(upstream), greeting.bytes)
}

/**
 * What a Host header has against the target; null where it is missing, as from Python's clients, or agrees. Its
 * port may be left out: clients do so where it is that of https.
 */
function hostFault({ facts, request }: Opening): Objection | null {
  const text = request.headers.host
  if (text === undefined) return null
  const named = readAuthority(text, facts.port)
  if (named === null) {
    return { code: 'malformed-request', message: 'The Host header of the CONNECT is not valid.' }
  }
  if (named.host === facts.host && named.port === facts.port) return null
  const message = 'The Host header of the CONNECT is not its target.'
  return { code: 'authority-mismatch', message }
}

/** See HandleOpening. */
export const handleConnect: HandleOpening = async (context, connection, opening) => {
  const { facts, head, socket } = opening
  // What an error means for the tunnel, 'close' tells; without a handler it would end the process.
  socket.on('error', () => {})
  const fault = hostFault(opening)
  if (fault !== null) {
    await refuseOpening({ context, connection, opening }, fault)
    return
  }
  if (facts.port === plainPort) {
    await openPlain(context, connection, opening)
    return
  }
  const greeting = new Greeting(socket, head)
  await openSecure({ context, connection, opening, greeting, objection: null })
}
