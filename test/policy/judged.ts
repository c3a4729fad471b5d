/** What the tests of domains share: a domain that a policy declares, and what is said of its calls. */
import type { Content } from '../../kernel/content.ts'
import type { Judgement } from '../../kernel/domain.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import {
  type CompiledPolicy,
  formatProblem,
  type LoadOptions,
  loadPolicy,
} from '../../policy/load.ts'

/** When calls are judged. */
export const occasion = { at: 1_700_000_000_000, proofs: [] }

/** A domain that a policy declares. */
export const logistics = `domains:
  logistics:
    kind: yaml
    description: Parcels.
    actors: { act_agent: {}, act_dispatcher: { description: Sends parcels } }
    actions:
      axn_ship: { category: order, risk_level: 4, requires: [weight], controls: [soc-2/CC6.1] }
      axn_recall: { requires_human_approval: true }
      axn_track:
    resources: { res_parcel: { sensitivity: internal }, res_depot: }
    bounds: [{ fact: weight, min: 1, max: 30, actions: [axn_ship] }]
    rates:
      - { fact: weight, per: 1h, limit: 100, scope: agent, actions: [axn_ship] }
      - { per: 1m, limit: 3, scope: run, actions: [axn_track] }
`

/** A rule of it. */
export const ship = `  - id: ship
    hosts: [example.com]
    decoder: json
    domain: logistics
    action: axn_ship
    resource: '"res_parcel:" + body.id'
    context: { weight: body.weight }
    effect: allow`

/** A request's body that was read as JSON. */
export function body(value: Content['body'], facts: Content['facts'] = {}): Partial<RequestFacts> {
  return { content: { decoder: 'json', body: value, facts, model: null } }
}

export function judged(policy: CompiledPolicy, facts: RequestFacts): Judgement | null {
  return policy.judge(facts, policy.classify(facts), occasion)
}

/** Violations in short: `deny logistics/bound-weight`. */
export const codes = (judgement: Judgement | null): readonly string[] | null =>
  judgement?.violations.map(({ domain, code, verdict }) => `${verdict} ${domain}/${code}`) ?? null

/** Compiles a text that has no problems, with what a gate would have beside it. */
export async function loaded(text: string, options: LoadOptions): Promise<CompiledPolicy> {
  const read = await loadPolicy({ name: 'policies.yaml', text }, options)
  if ('policy' in read) return read.policy
  throw new Error(read.problems.map(formatProblem).join('\n'))
}
