/** Reads what a caller asks about into facts that the gate judges: an action of a domain, or a whole request. */
import type { Rehearsal } from '../../gate/rehearse.ts'
import type { Content, Json } from '../../kernel/content.ts'
import { decoderOf } from '../../kernel/decoders/index.ts'
import type { Policy } from '../../kernel/policy.ts'
import type { Reason, ReasonCode } from '../../kernel/reasons.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import type { Principal } from '../../kernel/scope.ts'
import type { DecisionPorts, Target } from './ports.ts'
import type { ComplianceLevel } from './schemas.ts'

/** A body that its schema let pass. */
export interface AskBody {
  readonly request_id?: string
  readonly domain?: string
  readonly tenant?: string
  readonly constitutional_hash?: string
  readonly compliance_level?: ComplianceLevel
  readonly actor: string
  readonly actor_type?: string
  readonly action: string
  readonly resource?: string
  readonly context: { readonly [name: string]: Json }
  readonly target?: Partial<Target> & Pick<Target, 'method' | 'url'>
  readonly token_seconds?: number
  readonly commit?: boolean
}

export interface Ask {
  readonly body: AskBody
  readonly domain: string
  readonly principal: Principal
  readonly rehearsal: Rehearsal
}

/** Why nothing can be asked: a status of the API, and a code. */
export interface NoAsk {
  readonly status: 400 | 403 | 404 | 409 | 413 | 415 | 422 | 429
  readonly code: ReasonCode
  readonly message: string
  readonly principal: Principal | null
  /** Seconds; absent where waiting does not help. */
  readonly retryAfter?: number
}

/** Reads an ask in the domain of its route, or in its own. */
export function readAsk(body: AskBody, domain: string, ports: DecisionPorts): Ask | NoAsk {
  const policy = ports.policy()
  const principal = principalOf(body.actor, policy)
  if (principal === null) {
    const message = `The policy declares no agent ${body.actor.split('/', 1)[0]}.`
    return { status: 422, code: 'identity-unknown', message, principal: null }
  }
  const refused = (status: NoAsk['status'], code: ReasonCode, message: string): NoAsk => ({
    ...{ status, code, message, principal },
  })
  if (!policy.domains.has(domain)) {
    return refused(404, 'domain-unknown', `The policy has no domain ${domain}.`)
  }
  const pin = body.constitutional_hash
  if (pin !== undefined && pin !== policy.digest) {
    return refused(
      409,
      'policy-mismatch',
      `The policy in force is ${policy.digest}, not the pinned one.`,
    )
  }
  if (body.tenant !== undefined && body.tenant !== principal.tenant) {
    return refused(422, 'identity-unknown', `${body.actor} is not of the tenant ${body.tenant}.`)
  }
  if (!isPlain(body.context)) {
    const message = `context is at most ${depthMax} deep, of ${valuesMax} values, and its numbers are finite.`
    return refused(422, 'malformed-request', message)
  }
  const read =
    body.target === undefined ? actionFacts(body, domain) : targetFacts(body, ports, policy)
  if ('problem' in read) return refused(422, read.code, read.problem)
  const facts: RequestFacts = { id: ports.newId(), principal, ...read }
  return {
    body,
    domain,
    principal,
    rehearsal: {
      facts,
      refusals: refusalsOf(body, domain, facts, policy),
      ...(body.target === undefined ? {} : { body: body.target.body ?? '' }),
    },
  }
}

/** Lists and maps of a context inside each other, and values in all. */
const depthMax = 32
const valuesMax = 4_096

/**
 * True where a context is no deeper and no larger than it is judged; without recursion, whatever it is. A number past
 * all counting (`1e999`) is none: as text it would be null, and be remembered as that.
 */
function isPlain(context: Json): boolean {
  let level: Json[] = [context]
  let values = 0
  for (let depth = 0; level.length > 0; depth += 1) {
    values += level.length
    if (depth > depthMax || values > valuesMax) return false
    if (level.some((value) => typeof value === 'number' && !Number.isFinite(value))) return false
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    )
  }
  return true
}

/** The principal of `AGENT` or `AGENT/RUN`, as the policy knows it; without a token, and so without a key. */
function principalOf(actor: string, policy: Policy): Principal | null {
  const [agent = '', run = 'default'] = actor.split('/')
  const terms = policy.agents.get(agent)
  if (terms === undefined) return null
  const { tenant, project, actor: person } = terms
  return { agent, run, tenant, project, actor: person, key: null }
}

type Facts = Omit<RequestFacts, 'id' | 'principal'>

/** An action that nobody sends: its context stands where a body would. */
function actionFacts(body: AskBody, domain: string): Facts {
  const content: Content = { decoder: 'json', body: body.context, facts: {}, model: null }
  return {
    kind: 'action',
    method: '',
    scheme: 'https',
    host: '',
    port: 0,
    path: '',
    query: '',
    headers: {},
    content,
    action: {
      domain,
      action: body.action,
      resource: body.resource ?? '',
      actor: body.actor_type ?? '',
    },
  }
}

type Unread = { readonly problem: string; readonly code: ReasonCode }

/** A request as it would be sent, its body decoded where a rule asks. */
function targetFacts(body: AskBody, ports: DecisionPorts, policy: Policy): Facts | Unread {
  const { method, url, headers = {}, body: text = '' } = body.target ?? { method: '', url: '' }
  const read = ports.readTarget({ method, url, headers, body: text })
  if ('problem' in read) return { problem: `target: ${read.problem}`, code: 'malformed-request' }
  const named = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  const facts = { kind: 'request' as const, ...read, headers: named, content: null }
  const principal = principalOf(body.actor, policy)
  if (principal === null) return { problem: 'the actor is gone', code: 'identity-unknown' }
  const { decoder } = policy.classify({ id: '', principal, ...facts })
  if (decoder === '') return facts
  const decoded = decoderOf(decoder)({
    method: read.method,
    path: read.path,
    query: read.query,
    contentType: named['content-type'] ?? 'application/json',
    body: new TextEncoder().encode(text),
  })
  if (!decoded.ok) return { problem: `target: ${decoded.message}`, code: decoded.code }
  return { ...facts, content: decoded.content }
}

/** A target is judged as what the policy says that it is: to be asked as something else refuses it. */
function refusalsOf(
  body: AskBody,
  domain: string,
  facts: RequestFacts,
  policy: Policy,
): readonly Reason[] {
  if (facts.kind === 'action') return []
  const said = policy.classify(facts)
  if (said.domain === domain && said.action === body.action) return []
  const message = `The target is ${said.action} of the domain ${said.domain}, and was asked about as ${body.action} of ${domain}.`
  return [{ code: 'type-unknown', id: '', message }]
}
