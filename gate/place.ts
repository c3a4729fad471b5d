/** Between the destination and the entry: decided at once, or in the line of a rate limit that says queue. */
import type { Answer } from '../kernel/answer.ts'
import type { AdmitEvent } from '../kernel/event.ts'
import type { BudgetTerms } from '../kernel/policy.ts'
import { Failure, type Reason } from '../kernel/reasons.ts'
import { scopeOf } from '../kernel/scope.ts'
import { conclude } from './conclude.ts'
import type { Passage } from './passage.ts'
import type { Destination } from './ports.ts'
import type { Refusal } from './refusal.ts'
import { eventOf, observes, type Work } from './work.ts'

/** An answer, or null where another policy came into force before there was one: to be judged anew. */
export type Placed = Passage | Refusal | null

/** A decision without the destination. */
export interface Preview {
  readonly event: AdmitEvent
  readonly answer: Answer
}

/**
 * Decides with the judged addresses; where a rate limit says queue, waits in its line for a turn.
 *
 * preview  the decision without them, where nothing has changed since and they change nothing.
 */
export function place(
  work: Work,
  destination: Destination,
  preview: Preview | null,
): Promise<Placed> {
  const refusals = destination.ok
    ? []
    : [{ code: destination.code, id: '', message: destination.message } as const]
  const closed = work.core.closed()
  if (closed !== null) return work.reject(closed)
  const line = busyLine(work)
  if (line !== null) return wait(work, { destination, refusals, line, retryAt: null })
  const event = preview?.event ?? eventOf(work, refusals, 'open')
  const answer = preview?.answer ?? work.core.decide(event)
  if (isUnasked(work, answer)) return Promise.resolve(null)
  if (answer.verdict !== 'queue' || observes(answer, work.policy)) {
    return conclude(work, destination, event, answer)
  }
  const budget = queueBudgetOf(work, answer)
  return wait(work, { destination, refusals, line: budget, retryAt: answer.retryAt })
}

/** True where only by now a person has to be asked, as of a budget that others spent meanwhile: to be judged anew. */
function isUnasked({ approval, core, policy }: Work, { verdict }: Answer): boolean {
  return (
    verdict === 'approve' && approval === null && core.hash !== null && policy.mode === 'enforce'
  )
}

interface Place {
  readonly destination: Destination
  readonly refusals: readonly Reason[]
  readonly line: BudgetTerms
  readonly retryAt: number | null
}

function wait(work: Work, place: Place): Promise<Placed> {
  const { core } = work
  const { destination, refusals, line } = place
  const key = lineKey(work, line)
  if (core.lines.length(key) >= line.queue.length) {
    return conclude(work, destination, eventOf(work, refusals, 'full'))
  }
  return new Promise((answered, failed) => {
    const attempt = (queue: 'open' | 'expired'): number | null => {
      try {
        const closed = core.closed()
        if (closed !== null) {
          work.reject(closed).then(answered, failed)
          return null
        }
        if (core.policy !== work.policy) {
          answered(null)
          return null
        }
        const event = eventOf(work, refusals, queue)
        const answer = core.decide(event)
        if (isUnasked(work, answer)) {
          answered(null)
          return null
        }
        if (answer.verdict === 'queue') return (answer.retryAt ?? event.at + 1000) - event.at
        conclude(work, destination, event, answer).then(answered, failed)
      } catch (error) {
        failed(error)
      }
      return null
    }
    const { waitMs } = line.queue
    const retryMs = place.retryAt === null ? waitMs : place.retryAt - core.now()
    core.lines.join(key, retryMs, { waitMs, attempt })
  })
}

function lineKey(work: Work, budget: BudgetTerms): string {
  return `${budget.id} ${budget.pool ?? scopeOf(work.facts.principal, budget.scope) ?? ''}`
}

/** The line of a matching budget in which others wait already: nobody overtakes them. */
function busyLine(work: Work): BudgetTerms | null {
  if (work.core.lines.empty) return null
  for (const id of work.classification.budgets) {
    const budget = work.policy.budgets.get(id)
    if (budget === undefined || budget.state !== 'active') continue
    if (work.core.lines.length(lineKey(work, budget)) > 0) return budget
  }
  return null
}

function queueBudgetOf(work: Work, answer: Answer): BudgetTerms {
  for (const { id } of answer.reasons) {
    const budget = work.policy.budgets.get(id)
    if (budget !== undefined) return budget
  }
  throw new Failure('contract-violated', 'a queue verdict names the budget that is full')
}
