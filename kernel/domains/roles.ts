/** What a type of actor may do at all. */
import type { DomainConfig } from '../domain.ts'
import { type Check, refusal } from './check.ts'

/** Actors that only read: each of their actions must be of the category `read`. */
export function readersOnly(config: DomainConfig, actors: readonly string[]): Check {
  const reading = new Set(
    config.actions.filter(({ category }) => category === 'read').map(({ name }) => name),
  )
  return {
    name: 'actor-reads-only',
    applies: ({ actor }) => actors.includes(actor),
    against: ({ action }) =>
      reading.has(action)
        ? null
        : refusal({
            code: 'actor-reads-only',
            message: 'An actor of this type may only read.',
            recommendation: 'Leave this action to an agent whose type may do it.',
          }),
  }
}
