/**
 * Reads what a plugin declares of itself, once and into data of our own, so that what a policy was compiled with stays
 * what it is: a declaration, or a sentence that says what is wrong with it.
 */
import { assert, ContractError } from './contract.ts'
import {
  actionPattern,
  actorPattern,
  type DomainConfig,
  domainPattern,
  factPattern,
  type ParameterKind,
  type ParameterValue,
  parameterKinds,
  parameterPattern,
  resourcePattern,
  sensitivities,
} from './domain.ts'
import { fields, list, oneOf, string } from './fields.ts'

/** Types of one kind, parameters, frameworks. */
const entriesMax = 256

/** Rows of a table, or texts of a list, that a parameter may be. */
export const rowsMax = 100_000

const wordsCharactersMax = 1_000
const valueCharactersMax = 4_096
const versionPattern = /^[\x21-\x7e]{1,64}$/
const idPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/
const categoryPattern = /^[a-z][a-z0-9_-]{0,31}$/

const risks = [1, 2, 3, 4, 5] as const

/** Reads a declaration; each problem is a sentence. Total, save for values whose reading throws. */
export function readConfig(value: unknown): DomainConfig | { readonly problem: string } {
  try {
    return configOf(value)
  } catch (error) {
    if (error instanceof ContractError) return { problem: error.message }
    throw error
  }
}

const members = [
  'name',
  'version',
  'description',
  'actors',
  'actions',
  'resources',
  'frameworks',
  'riskModels',
  'parameters',
]

function configOf(value: unknown): DomainConfig {
  const read = at('config', () => fields(value, members))
  return {
    name: named(read['name'], domainPattern, 'config.name'),
    version: named(read['version'], versionPattern, 'config.version'),
    description: words(read['description'], 'config.description'),
    actors: each(read['actors'], 'actors', (entry, place) => {
      const { name, description } = at(place, () => fields(entry, ['name', 'description']))
      return { name: named(name, actorPattern, place), description: words(description, place) }
    }),
    actions: each(read['actions'], 'actions', actionOf),
    resources: each(read['resources'], 'resources', (entry, place) => {
      const resource = at(place, () => fields(entry, ['name', 'description', 'sensitivity']))
      return {
        name: named(resource['name'], resourcePattern, place),
        description: words(resource['description'], place),
        sensitivity: at(place, () => oneOf(string(resource['sensitivity']), sensitivities)),
      }
    }),
    frameworks: each(read['frameworks'], 'frameworks', (entry, place) => {
      return named(entry, idPattern, place)
    }),
    riskModels: each(read['riskModels'], 'riskModels', (entry, place) => {
      const { name, description } = at(place, () => fields(entry, ['name', 'description']))
      return { name: words(name, place), description: words(description, place) }
    }),
    parameters: each(read['parameters'], 'parameters', parameterOf),
  }
}

const actionMembers = [
  'name',
  'description',
  'category',
  'riskLevel',
  'requiresHumanApproval',
  'requires',
]

function actionOf(entry: unknown, place: string): DomainConfig['actions'][number] {
  const action = at(place, () => fields(entry, actionMembers))
  const { riskLevel, requiresHumanApproval } = action
  const risk = risks.find((one) => one === riskLevel)
  assert(risk !== undefined, `${place}: riskLevel is 1 to 5`)
  assert(typeof requiresHumanApproval === 'boolean', `${place}: requiresHumanApproval is a boolean`)
  return {
    name: named(action['name'], actionPattern, place),
    description: words(action['description'], place),
    category: named(action['category'], categoryPattern, place),
    riskLevel: risk,
    requiresHumanApproval,
    requires: each(action['requires'], `${place}.requires`, (fact, where) => {
      return named(fact, factPattern, where)
    }),
  }
}

function parameterOf(entry: unknown, place: string): DomainConfig['parameters'][number] {
  const parameter = at(place, () => fields(entry, ['name', 'kind', 'description', 'fallback']))
  const kind = at(place, () => oneOf(string(parameter['kind']), parameterKinds))
  const fallback = readValue(kind, parameter['fallback'])
  assert(fallback !== null, `${place}: fallback is no ${kind}`)
  return {
    name: named(parameter['name'], parameterPattern, place),
    kind,
    description: words(parameter['description'], place),
    fallback,
  }
}

/** Puts the place before what is wrong there. */
function at<T>(place: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ContractError) throw new ContractError(`${place}: ${error.message}`)
    throw error
  }
}

/** Entries of a list, no two of one name. */
function each<T>(
  value: unknown,
  place: string,
  read: (entry: unknown, place: string) => T,
): readonly T[] {
  const entries = at(place, () => list(value))
  assert(entries.length <= entriesMax, `${place}: at most ${entriesMax}`)
  const seen = new Set<string>()
  return Array.from(entries, (entry, index) => {
    const result = read(entry, `${place}[${index}]`)
    const name = typeof result === 'string' ? result : (result as { name: string }).name
    assert(!seen.has(name), `${place}[${index}]: ${name} stands twice`)
    seen.add(name)
    return result
  })
}

function named(value: unknown, pattern: RegExp, place: string): string {
  const isNamed = typeof value === 'string' && pattern.test(value)
  assert(isNamed, `${place}: must match ${pattern.source}`)
  return value
}

function words(value: unknown, place: string): string {
  const isText = typeof value === 'string' && value.length <= wordsCharactersMax
  assert(isText && value.isWellFormed(), `${place}: text of at most ${wordsCharactersMax} signs`)
  return value
}

/** A value of a kind of parameter, as data of our own; null where it is of another. */
export function readValue(kind: ParameterKind, value: unknown): ParameterValue | null {
  switch (kind) {
    case 'integer':
      return typeof value === 'number' && Number.isSafeInteger(value) ? value : null
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? value : null
    case 'text':
      return isText(value) ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'texts':
      return textsOf(value)
    case 'table':
      return tableOf(value)
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= valueCharactersMax && value.isWellFormed()
}

function textsOf(value: unknown): readonly string[] | null {
  if (!Array.isArray(value) || value.length > rowsMax) return null
  const texts: unknown[] = Array.from(value)
  return texts.every(isText) ? Object.freeze(texts) : null
}

/** Rows by key. It inherits nothing, so that no key but its own is ever found in it. */
function tableOf(value: unknown): ParameterValue | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const rows = Object.entries(value)
  if (rows.length > rowsMax) return null
  const table: Record<string, string | number | boolean | readonly string[]> = Object.create(null)
  for (const [key, row] of rows) {
    if (!isText(key) || key === '__proto__') return null
    const read = rowOf(row)
    if (read === null) return null
    table[key] = read
  }
  return Object.freeze(table)
}

function rowOf(row: unknown): string | number | boolean | readonly string[] | null {
  if (isText(row) || typeof row === 'boolean') return row
  if (typeof row === 'number') return Number.isFinite(row) ? row : null
  return textsOf(row)
}
