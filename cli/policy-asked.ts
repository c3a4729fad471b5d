/** A request as a person writes it, as the facts that the gate would see: a tunnel, or what is inside of one. */
import type { Decoded, DecoderName } from '../kernel/content.ts'
import { decoderOf } from '../kernel/decoders/index.ts'
import type { AgentTerms, Policy } from '../kernel/policy.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { type NoTarget, readTunnel, type Target } from '../proxy/target.ts'
import { readUrl } from './read-url.ts'
import { UsageError } from './settings.ts'

export interface AskedRequest {
  readonly agent: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

export interface SeenRequest {
  readonly facts: RequestFacts
  /** Why the body could not be read; null where it was, or nobody asks. */
  readonly unread: Reason | null
}

/**
 * What the gate sees of a request: of an https URL the CONNECT alone, unless its tunnel is inspected.
 *
 * errors  UsageError for an agent that the policy does not declare, and a URL that is none.
 */
export function seenOf(policy: Policy, asked: AskedRequest): SeenRequest {
  const agent = policy.agents.get(asked.agent)
  if (agent === undefined) throw new UsageError(`the policy declares no agent '${asked.agent}'`)
  const tunnel = tunnelOf(asked, agent)
  if (asked.method === 'CONNECT' && tunnel !== null) return { facts: tunnel, unread: null }
  if (tunnel !== null && policy.classify({ ...tunnel, kind: 'reach' }).tls !== 'inspect') {
    return { facts: tunnel, unread: null }
  }
  return withBody(policy, insideOf(asked, agent), asked)
}

const https = /^https:\/\//i

/** The CONNECT that a request begins with; null for plain HTTP. */
function tunnelOf({ method, url }: AskedRequest, agent: AgentTerms): RequestFacts | null {
  if (method === 'CONNECT') {
    const { host, port } = required(url, readTunnel(url))
    return tunnelTo(agent, host, port)
  }
  if (!https.test(url)) return null
  const { host, port } = required(url, readUrl(url))
  return tunnelTo(agent, host, port)
}

function tunnelTo(agent: AgentTerms, host: string, port: number): RequestFacts {
  const target = { host, port, path: '', query: '' }
  return { ...factsOf(agent), ...target, kind: 'tunnel', method: 'CONNECT', scheme: 'https' }
}

function insideOf({ headers, method, url }: AskedRequest, agent: AgentTerms): RequestFacts {
  const { host, port, path, query } = required(url, readUrl(url))
  const scheme = https.test(url) ? 'https' : 'http'
  return { ...factsOf(agent), kind: 'request', method, scheme, host, port, path, query, headers }
}

/** errors  UsageError for what is no target. */
export function required(url: string, target: Target | NoTarget): Target {
  if (target.ok) return target
  throw new UsageError(`'${url}' cannot be asked about: ${target.message}`)
}

function factsOf({
  name,
  tenant,
  project,
  actor,
}: AgentTerms): Pick<RequestFacts, 'id' | 'principal' | 'headers' | 'content'> {
  const principal = { agent: name, run: 'default', tenant, project, actor, key: null }
  return { id: 'asked', principal, headers: {}, content: null }
}

/** What a body is taken for that nobody names the type of; JSON where a decoder is not among them. */
export const contentTypes: Readonly<Partial<Record<DecoderName, string>>> = {
  form: 'application/x-www-form-urlencoded',
}

/** Reads the body where a rule asks for it; without one an empty body is read, as the gate would. */
function withBody(policy: Policy, facts: RequestFacts, { body }: AskedRequest): SeenRequest {
  const { decoder } = policy.classify(facts)
  if (decoder === '') return { facts, unread: null }
  const { headers, method, path, query } = facts
  const contentType = headers['content-type'] ?? contentTypes[decoder] ?? 'application/json'
  const bytes = new TextEncoder().encode(body ?? '')
  const decoded: Decoded = decoderOf(decoder)({ method, path, query, contentType, body: bytes })
  if (decoded.ok) return { facts: { ...facts, content: decoded.content }, unread: null }
  return { facts, unread: { code: decoded.code, id: '', message: decoded.message } }
}
