/** The first steps of every request, in their order: well-formed, identified, target read; the gate comes after. */
import { type ReasonCode, reasons } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Principal } from '../kernel/scope.ts'
import type { Client } from './client.ts'
import type { Desk } from './desk.ts'
import { Facts } from './facts.ts'
import { type Head, malformed, type RawHead, readHead } from './front.ts'
import { readAuthority } from './host.ts'
import { overrideFault } from './inspect/override.ts'
import { httpPort, readAbsolute, readOrigin, readTunnel, type Target } from './target.ts'

export interface Intake {
  readonly ok: true
  readonly facts: RequestFacts
  readonly head: Head
  readonly target: Target
}

/** What is wrong, to be recorded by the gate and answered. */
export interface Unfit {
  readonly ok: false
  readonly code: ReasonCode
  readonly status: number
  readonly message: string
  readonly principal: Principal | null
}

export type OpeningKind = Extract<RequestFacts['kind'], 'request' | 'websocket' | 'tunnel'>

/** Reads one request as far as it can be read without the gate. */
export function takeIn(
  desk: Desk,
  client: Client,
  asked: { readonly raw: RawHead; readonly kind: OpeningKind },
): Intake | Unfit {
  const { context } = desk
  const { raw, kind } = asked
  const { gate, limits, listenerAgent } = context
  const head = readHead(desk.names, raw, limits)
  if (!head.ok) return { ...head, principal: null }
  const unfit = unfitFor(kind, head, raw)
  if (unfit !== null) return { ...malformed(unfit), principal: null }
  // Whoever did not ask a proxy shows it no credentials: the listener's agent is who speaks (RFC 9110 11.7.2).
  const authorization = client.redirected ? null : head.authorization
  const identity = client.identify(gate.policy, authorization, listenerAgent)
  if (!identity.ok) {
    const { code, message } = identity
    return { ok: false, code, message, status: reasons[code].status, principal: null }
  }
  const { principal } = identity
  const target = targetOf(client, head, asked)
  if (!target.ok) return { ...target, principal }
  const method = raw.method ?? ''
  const overridden = overrideFault({ method, headers: head.headers, query: target.query })
  if (overridden !== null) return { ...malformed(overridden), principal }
  const scheme = kind === 'tunnel' ? 'https' : client.scheme
  const facts = new Facts({ id: context.newId(), principal, kind, method, scheme, target, head })
  return { ok: true, facts, head, target }
}

/** What speaks against a head because of what it opens; null where nothing does. */
function unfitFor(kind: OpeningKind, head: Head, raw: RawHead): string | null {
  if (kind === 'request') {
    // RFC 9110 section 9.3.8: the last hop would send the request back, with what was added to it on the way.
    if (raw.method === 'TRACE') return 'TRACE is not forwarded.'
    if (head.upgrade !== null) return 'Upgrade was sent without Connection: upgrade.'
    if (head.host === null && raw.httpVersion === '1.1') return 'The Host header is missing.'
    return null
  }
  if (head.length !== 0) return 'A request that opens a tunnel or an upgrade has no body.'
  if (kind === 'tunnel') return head.upgrade === null ? null : 'CONNECT cannot be an upgrade too.'
  if (head.upgrade?.toLowerCase() !== 'websocket') return 'The only upgrade known is websocket.'
  if (raw.method !== 'GET' || raw.httpVersion !== '1.1') {
    return 'A websocket is opened by GET and HTTP/1.1.'
  }
  return head.host === null ? 'The Host header is missing.' : null
}

function targetOf(
  client: Client,
  head: Head,
  { raw, kind }: { readonly raw: RawHead; readonly kind: OpeningKind },
): Target | (Omit<Unfit, 'principal'> & { readonly ok: false }) {
  const { authority } = client
  const url = raw.url ?? ''
  if (client.redirected) return redirectedTarget(url, kind, head.host)
  if (kind === 'tunnel' && authority !== null) return malformed('There is no CONNECT in a tunnel.')
  if (authority !== null && head.host !== null) {
    const named = readAuthority(head.host, client.scheme === 'https' ? 443 : 80)
    if (named?.host !== authority.host || named.port !== authority.port) {
      const message = 'The Host header is not the host and port that CONNECT asked for.'
      const code = 'authority-mismatch'
      return { ok: false, code, status: reasons[code].status, message }
    }
  }
  const target = readTarget(url, kind, authority)
  return target.ok ? target : malformed(target.message)
}

/** What was redirected is asked as an origin is: the path in the request line, the host in Host. */
function redirectedTarget(
  url: string,
  kind: OpeningKind,
  host: string | null,
): Target | (Omit<Unfit, 'principal'> & { readonly ok: false }) {
  if (kind === 'tunnel') return malformed('There is no CONNECT where no proxy was asked.')
  if (host === null) return malformed('The Host header is missing: nothing else names the host.')
  const authority = readAuthority(host, httpPort)
  if (authority === null) return malformed('The host or port of the Host header is not valid.')
  if (authority.port !== httpPort) {
    // Which port it was bound for cannot be known; a port is not taken on the word of a header.
    const message = `The Host header names port ${authority.port}: what is redirected goes to port ${httpPort}.`
    const code = 'authority-mismatch'
    return { ok: false, code, status: reasons[code].status, message }
  }
  const target = readOrigin(url, authority)
  return target.ok ? target : malformed(target.message)
}

function readTarget(
  url: string,
  kind: OpeningKind,
  authority: Client['authority'],
): ReturnType<typeof readAbsolute> {
  if (kind === 'tunnel') return readTunnel(url)
  return authority === null ? readAbsolute(url) : readOrigin(url, authority)
}
