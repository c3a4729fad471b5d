/** With whom nobody may deal: names of a list, however they are written, and countries. */
import type { DomainCall, ParameterValue, Violation } from '../domain.ts'
import {
  factsMissing,
  integerParameter,
  refusal,
  text,
  textParameter,
  textsParameter,
} from './check.ts'
import { formsOf, NameIndex } from './party-name.ts'

/** What follows from each table, which never changes: nothing else could be told from it. */
const indexes = new WeakMap<object, NameIndex>()

/** The names of the policy's list and their other names; null where the list has none. */
function listOf(call: DomainCall): NameIndex | null {
  const table: ParameterValue | undefined = call.parameters['sanctions']
  if (typeof table !== 'object') throw new TypeError('the parameter sanctions is no table')
  const known = indexes.get(table)
  if (known !== undefined) return known
  const rows = Object.entries(table)
  if (rows.length === 0) return null
  const index = new NameIndex()
  for (const [name, others] of rows) {
    index.add(name)
    if (typeof others === 'object') for (const other of others) index.add(other)
  }
  indexes.set(table, index)
  return index
}

const recommendation = 'Do not deal with this party; tell a person.'

/** For the fact that names a party. */
export function againstName(fact: string): (call: DomainCall) => Violation | null {
  return (call) => {
    const forms = formsOf(text(call, fact) ?? '')
    if (forms === null) return factsMissing([fact])
    if (listOf(call)?.has(forms) !== true) return null
    return refusal({
      code: 'sanctioned-name',
      severity: 'critical',
      message: 'The party is on the list of sanctions.',
      recommendation,
    })
  }
}

/** ISO 3166 */
const countryPattern = /^[A-Z]{2}$/

/** For the fact that names a country. */
export function againstCountry(fact: string): (call: DomainCall) => Violation | null {
  return (call) => {
    const country = text(call, fact)
    if (country === null || !countryPattern.test(country)) return factsMissing([fact])
    if (!textsParameter(call, 'sanctioned_countries').includes(country)) return null
    return refusal({
      code: 'sanctioned-country',
      severity: 'critical',
      message: 'The policy allows no dealings with this country.',
      recommendation,
    })
  }
}

const dayMs = 86_400_000
const dayPattern = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/

/** A list that is missing or old clears nobody. */
export function againstListAge(call: DomainCall): Violation | null {
  const asOf = textParameter(call, 'sanctions_as_of')
  const day = dayPattern.test(asOf) ? Date.parse(asOf) : Number.NaN
  const ageMs = asOf === '' ? 0 : call.at - day
  const isYoung = ageMs >= 0 && ageMs <= integerParameter(call, 'sanctions_days_max') * dayMs
  if (isYoung && listOf(call) !== null) return null
  return refusal({
    code: 'sanctions-unknown',
    message: 'The policy has no list of sanctions, or none that is young enough.',
    recommendation: 'Ask an operator to load the list of sanctions.',
  })
}
