/** Establishes who speaks: the listener's agent, or the credentials of Proxy-Authorization, and nothing else. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { AgentTerms, Policy } from '../kernel/policy.ts'
import { namePattern, type Principal } from '../kernel/scope.ts'

export type Identity =
  | { readonly ok: true; readonly principal: Principal }
  | {
      readonly ok: false
      readonly code: 'identity-required' | 'identity-unknown'
      readonly message: string
    }

export interface Credentials {
  /** Value of Proxy-Authorization; null where there is none. */
  readonly authorization: string | null
  /** The agent that the listener is bound to; null where credentials say who speaks. */
  readonly listenerAgent: string | null
}

const required: Identity = {
  ok: false,
  code: 'identity-required',
  message:
    'Send Proxy-Authorization: Basic with agent or agent+run as user and its token as password.',
}
const unknown: Identity = {
  ok: false,
  code: 'identity-unknown',
  message: 'The agent, its run or its token is not known here.',
}

const runDefault = 'default'
const basicPattern = /^basic +([A-Za-z0-9+/]+={0,2})$/i
/** Compared with where there is nothing to compare with, so that an unknown agent takes the same time. */
const noToken = '0'.repeat(64)

/** Establishes the principal of one request, by the policy in force. */
export function identify(policy: Policy, credentials: Credentials): Identity {
  const { authorization, listenerAgent } = credentials
  const claim = authorization === null ? null : readBasic(authorization)
  if (listenerAgent !== null) return ofListener(policy, listenerAgent, authorization, claim)
  if (authorization === null || claim === null) return required
  const agent = policy.agents.get(claim.agent)
  const hash = matchingToken(agent, claim.token)
  if (agent === undefined || hash === null || !namePattern.test(claim.run)) return unknown
  return { ok: true, principal: principalOf(agent, claim.run, fingerprint(hash)) }
}

/**
 * Establishes once more who was established under an earlier policy: an agent that was removed, and a token that was
 * revoked, speak no longer, and an agent that was moved speaks for where it is now.
 */
export function identifyAgain(policy: Policy, principal: Principal): Identity {
  const agent = policy.agents.get(principal.agent)
  if (agent === undefined) return unknown
  const { key, run } = principal
  if (key !== null && !agent.tokens.some((hash) => fingerprint(hash) === key)) return unknown
  return { ok: true, principal: principalOf(agent, run, key) }
}

/** A bound listener has said who speaks: credentials may only name a run of that agent. */
function ofListener(
  policy: Policy,
  listenerAgent: string,
  ...[authorization, claim]: [string | null, Claim | null]
): Identity {
  const agent = policy.agents.get(listenerAgent)
  if (agent === undefined) return unknown
  if (authorization === null) return { ok: true, principal: principalOf(agent, runDefault, null) }
  if (claim === null || claim.agent !== agent.name || !namePattern.test(claim.run)) return unknown
  return { ok: true, principal: principalOf(agent, claim.run, null) }
}

interface Claim {
  readonly agent: string
  readonly run: string
  readonly token: string
}

/** RFC 7617: base64 of user, colon, password; the user is `agent` or `agent+run`. */
function readBasic(authorization: string): Claim | null {
  const encoded = basicPattern.exec(authorization)?.[1]
  if (encoded === undefined) return null
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return null
  const user = text.slice(0, colon)
  const plus = user.indexOf('+')
  const agent = plus < 0 ? user : user.slice(0, plus)
  const run = plus < 0 ? runDefault : user.slice(plus + 1)
  return { agent, run, token: text.slice(colon + 1) }
}

/** Compares with every token, in a time that does not tell which one, or whether there is an agent at all. */
function matchingToken(agent: AgentTerms | undefined, token: string): string | null {
  const digest = createHash('sha256').update(token).digest()
  let matching: string | null = null
  for (const hash of agent?.tokens ?? [noToken]) {
    const equal = timingSafeEqual(digest, Buffer.from(hash, 'hex'))
    if (equal && agent !== undefined) matching = hash
  }
  return matching
}

/** Names a credential in scopes and records without being of use to whoever reads it. */
export function fingerprint(tokenHash: string): string {
  return createHash('sha256').update(`haltgate-key\0${tokenHash}`).digest('hex').slice(0, 16)
}

function principalOf(agent: AgentTerms, run: string, key: string | null): Principal {
  const { name, tenant, project, actor } = agent
  return { agent: name, run, tenant, project, actor, key }
}
