/** Whether the policy could let a request pass: asked about requests that nobody has sent, without effect or entry. */
import type { AdmitEvent } from '../kernel/event.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure, type Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { passes } from '../kernel/verdict.ts'
import type { Core } from './core.ts'
import { classified, mayGoOn } from './work.ts'

/**
 * Answers by rules, refusals and halts. Budgets do not speak: what is used up now may be there when it is asked for.
 * What fails to evaluate may turn out either way, so that a mild rule speaks and a stern one is silent, as with a
 * body that is still unread. No name is asked for.
 *
 * facts  as far as they are known; their content leaves out what is not.
 */
export function allows(core: Core, facts: RequestFacts): boolean {
  if (core.barred() !== null || core.stranger(facts.principal) !== null) return false
  const { policy } = core
  const { refusals, rules } = classified(policy, facts)
  const open = refusals.filter((refusal) => mayTurnOut(policy, refusal))
  const mild = open.map(({ id }) => id).filter((id) => isMild(policy, id))
  const event: AdmitEvent = {
    kind: 'admit',
    at: core.now(),
    // Not the request's own, which is held already.
    request: `${facts.id}?`,
    principal: facts.principal,
    host: facts.host,
    rules: [...new Set([...rules, ...mild])],
    drafts: [],
    budgets: [],
    charge: {},
    ask: {},
    refusals: refusals.filter((refusal) => !open.includes(refusal)),
    queue: 'open',
  }
  try {
    // A person may say yes to it.
    return mayGoOn(core.decide(event), policy)
  } catch (error) {
    if (error instanceof Failure) return false
    throw error
  }
}

function isMild({ rules }: Policy, id: string): boolean {
  const effect = rules.get(id)?.effect ?? 'deny'
  return passes(effect) || effect === 'queue' || effect === 'approve'
}

/** True for the refusal of an expression of the policy's own, which may read what is not known. */
function mayTurnOut({ budgets, rules }: Policy, { code, id }: Reason): boolean {
  return code === 'validator-refused' && (rules.has(id) || budgets.has(id))
}
