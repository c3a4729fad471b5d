/** Ids that the wire states, and whether they are those of the resource that the rule names. */
import type { DomainCall, Violation } from '../domain.ts'
import { factsMissing, refusal, text } from './check.ts'

/** Written in a way that two systems read alike. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** An id; null where the fact is missing, or is none. */
export function idOf(call: DomainCall, name: string): string | null {
  const id = text(call, name)
  return id !== null && idPattern.test(id) ? id : null
}

/** For checks that there is such an id. */
export function againstId(name: string): (call: DomainCall) => Violation | null {
  return (call) => (idOf(call, name) === null ? factsMissing([name]) : null)
}

/** For checks that a resource of these types is what the fact says that the call is about. */
export function againstResource(
  resources: readonly string[],
  name: string,
): (call: DomainCall) => Violation | null {
  return (call) => {
    const isNamed = resources.includes(call.resource)
    if (!isNamed || call.resourceId === text(call, name)) return null
    return refusal({
      code: 'resource-mismatch',
      message: `The call is about another ${name} than the resource.`,
      recommendation: `Send the call to the address of its own ${name}.`,
    })
  }
}
