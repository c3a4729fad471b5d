/** How an entry stands to a request whose targets it matches: whether it speaks, is silent, or waits for the body. */
import type { Reason } from '../kernel/reasons.ts'
import type { Verdict } from '../kernel/verdict.ts'
import type { Expression, Subject } from './expression.ts'

export type Standing =
  | { readonly kind: 'speaks' | 'silent' | 'waits' }
  | { readonly kind: 'failed'; readonly message: string }

const speaks = { kind: 'speaks' } as const
const silent = { kind: 'silent' } as const
const waits = { kind: 'waits' } as const

/** Evaluates a condition. One that is decided without the body is decided, whatever that may hold. */
export function standingOf(when: Expression | null, subject: Subject): Standing {
  if (when === null) return speaks
  const outcome = when.evaluate(subject)
  if (outcome.ok) return outcome.value === true ? speaks : silent
  if (when.readsContent && subject.content === null) return waits
  return { kind: 'failed', message: outcome.message }
}

/** Effects that may lead on to the upstream: while the body is unread, these speak and the others wait. */
export function isMild(effect: Verdict): boolean {
  return effect !== 'deny' && effect !== 'halt'
}

/** What reads the body where no rule says how to decode it refuses. */
export function unread(id: string, key: string): Reason {
  const message = `\`${key}\` of ${id} reads the body, and no rule says which decoder reads it.`
  return { code: 'inspection-required', id, message }
}

/** What failed to evaluate refuses. */
export function failed(id: string, key: string, message: string): Reason {
  return { code: 'validator-refused', id, message: `\`${key}\` of ${id}: ${message}` }
}

/** Two rules that read one body in two ways may each see another request in it. */
export function contested(
  rule: { readonly id: string; readonly decoder: string },
  decoder: string,
): Reason {
  const message = `The rule ${rule.id} needs the decoder ${rule.decoder}, and another reads this body as ${decoder}: narrow one of the two.`
  return { code: 'inspection-required', id: rule.id, message }
}
