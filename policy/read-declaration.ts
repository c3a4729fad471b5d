/** Reads a domain that a policy declares itself; problems go to the reading. */
import {
  actionPattern,
  actorDefault,
  actorPattern,
  controlPattern,
  factPattern,
  resourcePattern,
} from '../kernel/domain.ts'
import { readDuration } from './amount.ts'
import type { FileDeclaration } from './file.ts'
import { didYouMean } from './problem.ts'
import { type Reading, sortedSet } from './reading.ts'
import type { BoundSource, DeclarationSource, RateSource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** What an action or resource is of which the policy says no more. */
const categoryDefault = 'execute'
const riskDefault = 3
const sensitivityDefault = 'internal'

const categoryPattern = /^[a-z][a-z0-9_-]{0,31}$/
const frameworkPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/
const templatePattern = /^[a-z0-9][a-z0-9-]{0,63}$/

/** Descriptions are shown in lists. */
const descriptionCharactersMax = 1_000

/** A rate is kept as marks, which are no place for what is longer than a budget's window. */
const perMsMax = 31 * 86_400_000

interface At {
  readonly path: Path
  readonly reading: Reading
}

/** Reads what passed the schema of declarations. `known` are actions that the domain has without it. */
export function readDeclaration(
  raw: FileDeclaration,
  at: At & { readonly known: readonly string[] },
): DeclarationSource {
  const actions = readActions(raw, at)
  const names = new Set([...at.known, ...actions.map(({ name }) => name)])
  if (names.size === 0) at.reading.problem(at.path, 'a domain has `actions`', 'key')
  return {
    description: described(raw.description, [...at.path, 'description'], at),
    actors: readActors(raw, at),
    actions,
    resources: readResources(raw, at),
    bounds: (raw.bounds ?? []).map((bound, index): BoundSource => {
      const path = [...at.path, 'bounds', index]
      const { fact, min = null, max = null } = bound
      matching(fact, factPattern, { ...at, path: [...path, 'fact'] })
      for (const [key, limit] of [
        ['min', min],
        ['max', max],
      ] as const) {
        if (limit === null || Number.isFinite(limit)) continue
        at.reading.problem([...path, key], `\`${key}\` is no number`)
      }
      if (min === null && max === null) at.reading.problem(path, 'a bound has `min` or `max`')
      if (min !== null && max !== null && min > max) {
        at.reading.problem(path, 'no number is within these bounds')
      }
      return { fact, min, max, actions: known(bound.actions, names, { ...at, path }) }
    }),
    rates: (raw.rates ?? []).map((rate, index): RateSource => {
      const path = [...at.path, 'rates', index]
      const { fact = '', limit, scope } = rate
      if (fact !== '') matching(fact, factPattern, { ...at, path: [...path, 'fact'] })
      const per_ms = readPer(rate.per, { ...at, path: [...path, 'per'] })
      return { fact, per_ms, limit, scope, actions: known(rate.actions, names, { ...at, path }) }
    }),
    frameworks: all(raw.frameworks, frameworkPattern, { ...at, path: [...at.path, 'frameworks'] }),
    templates: (raw.templates ?? []).map(({ name, description = '', text }, index) => {
      const path = [...at.path, 'templates', index]
      matching(name, templatePattern, { ...at, path: [...path, 'name'] })
      return { name, description, text }
    }),
  }
}

function readActors({ actors }: FileDeclaration, at: At): DeclarationSource['actors'] {
  if (actors === undefined) return [{ name: actorDefault, description: '' }]
  const path = [...at.path, 'actors']
  if (isList(actors)) {
    return all(actors, actorPattern, { ...at, path }).map((name) => ({ name, description: '' }))
  }
  return Object.keys(actors)
    .sort()
    .map((name) => {
      matching(name, actorPattern, { ...at, path: [...path, name] }, 'key')
      const place = [...path, name, 'description']
      return { name, description: described(actors[name]?.description, place, at) }
    })
}

function isList(value: FileDeclaration['actors']): value is readonly string[] {
  return Array.isArray(value)
}

function readActions({ actions = {} }: FileDeclaration, at: At): DeclarationSource['actions'] {
  return Object.keys(actions)
    .sort()
    .map((name) => {
      const path = [...at.path, 'actions', name]
      const raw = actions[name] ?? {}
      matching(name, actionPattern, { ...at, path }, 'key')
      const category = raw.category ?? categoryDefault
      matching(category, categoryPattern, { ...at, path: [...path, 'category'] })
      return {
        name,
        description: described(raw.description, [...path, 'description'], at),
        category,
        riskLevel: raw.risk_level ?? riskDefault,
        requiresHumanApproval: raw.requires_human_approval ?? false,
        requires: all(raw.requires, factPattern, { ...at, path: [...path, 'requires'] }),
        controls: all(raw.controls, controlPattern, { ...at, path: [...path, 'controls'] }),
      }
    })
}

function readResources(
  { resources = {} }: FileDeclaration,
  at: At,
): DeclarationSource['resources'] {
  return Object.keys(resources)
    .sort()
    .map((name) => {
      const path = [...at.path, 'resources', name]
      matching(name, resourcePattern, { ...at, path }, 'key')
      return {
        name,
        description: described(resources[name]?.description, [...path, 'description'], at),
        sensitivity: resources[name]?.sensitivity ?? sensitivityDefault,
      }
    })
}

function readPer(text: string, { path, reading }: At): number {
  const amount = readDuration(text)
  if ('problem' in amount) {
    reading.problem(path, amount.problem)
    return perMsMax
  }
  if (amount.value === 0) reading.problem(path, 'a rate of no length limits nothing')
  if (amount.value > perMsMax) reading.problem(path, 'a rate is at most 31d long')
  return amount.value
}

function known(
  actions: readonly string[] | undefined,
  names: ReadonlySet<string>,
  { path, reading }: At,
): readonly string[] {
  actions?.forEach((name, index) => {
    if (names.has(name)) return
    const guess = didYouMean(name, names)
    reading.problem([...path, 'actions', index], `the domain has no action ${name}${guess}`)
  })
  return sortedSet(actions ?? [])
}

function all(
  texts: readonly string[] | undefined,
  pattern: RegExp,
  { path, reading }: At,
): readonly string[] {
  texts?.forEach((text, index) => {
    matching(text, pattern, { path: [...path, index], reading })
  })
  return sortedSet(texts ?? [])
}

function matching(
  text: string,
  pattern: RegExp,
  { path, reading }: At,
  part: 'key' | 'value' = 'value',
): void {
  if (!pattern.test(text)) reading.problem(path, `"${text}" must match ${pattern.source}`, part)
}

function described(text: string | undefined, path: Path, { reading }: At): string {
  if (text !== undefined && text.length > descriptionCharactersMax) {
    reading.problem(path, `a description has at most ${descriptionCharactersMax} characters`)
  }
  return text ?? ''
}
