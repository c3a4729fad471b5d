/** Finds rules that let requests pass and never can, because a deny on the same or wider targets always wins. */
import { readHost } from './host.ts'
import { covers } from './read-target.ts'
import type { RuleSource, TargetSource } from './source.ts'

interface Overridden {
  /** Position of the rule, and the id of the deny that always wins over it. */
  readonly rule: number
  readonly by: string
}

/** Denies that are compared with one rule; more on the same host make no other mistake. */
const comparisonsMax = 64

/** Rules that an unconditional deny or halt always overrides. */
export function overridden(rules: readonly RuleSource[]): readonly Overridden[] {
  const byHost = new Map<string, RuleSource[]>()
  for (const rule of rules) {
    if (!isUnconditionalDeny(rule)) continue
    for (const host of rule.hosts.length === 0 ? ['*'] : rule.hosts) {
      const list = byHost.get(host)
      if (list === undefined) byHost.set(host, [rule])
      else list.push(rule)
    }
  }
  const found: Overridden[] = []
  if (byHost.size === 0) return found
  rules.forEach((rule, index) => {
    if (rule.state !== 'active' || rule.effect === 'deny' || rule.effect === 'halt') return
    const denies = placesOf(rule).flatMap((place) => byHost.get(place) ?? [])
    const deny = denies.slice(0, comparisonsMax).find((other) => isWider(other, rule))
    if (deny !== undefined) found.push({ rule: index, by: deny.id })
  })
  return found
}

function isUnconditionalDeny(rule: RuleSource): boolean {
  const denies = rule.effect === 'deny' || rule.effect === 'halt'
  const isWhole = rule.methods.length === 0 && rule.paths.length === 0 && rule.when === ''
  const hasException = rule.hosts.some((host) => host.startsWith('!'))
  return denies && isWhole && !hasException && rule.decoder === '' && rule.state === 'active'
}

/** Patterns that cover the first host of a rule: whatever covers the rule is among them. */
function placesOf({ hosts }: RuleSource): readonly string[] {
  const first = hosts.find((host) => !host.startsWith('!')) ?? '*'
  const places = ['*']
  if (first === '*') return places
  places.push(first)
  const name = first.replace(/^\*\./, '')
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    places.push(`*.${name.slice(dot + 1)}`)
  }
  return places
}

/** True where whoever and whatever the second target means, the first means too; methods and paths aside. */
export function isWider(wide: TargetSource, narrow: TargetSource): boolean {
  return (
    hasAll(wide.agents, narrow.agents) &&
    hasAll(wide.tenants, narrow.tenants) &&
    hasAll(wide.projects, narrow.projects) &&
    hasAll(wide.actors, narrow.actors) &&
    hasAll(wide.keys, narrow.keys) &&
    hasAll(wide.ports, narrow.ports) &&
    hasAllHosts(wide.hosts, narrow.hosts)
  )
}

/** The same with methods, paths and condition: every request of the second is one of the first. */
export function coversAll(wide: TargetSource, narrow: TargetSource): boolean {
  return (
    isWider(wide, narrow) &&
    !excepts(wide, narrow) &&
    hasAll(wide.methods, narrow.methods) &&
    hasAllPaths(wide.paths, narrow.paths) &&
    (wide.when === '' || wide.when === narrow.when)
  )
}

/** True where the wide one has exceptions that the narrow one may not have. */
function excepts(wide: TargetSource, narrow: TargetSource): boolean {
  const exceptions = wide.hosts.filter((host) => host.startsWith('!'))
  return exceptions.some((host) => !narrow.hosts.includes(host))
}

/** Globs are compared as far as `/**` at the end says; of others only the same one is covered. */
function hasAllPaths(wide: readonly string[], narrow: readonly string[]): boolean {
  if (wide.length === 0) return true
  const covers = (glob: string, other: string): boolean => {
    return glob === other || (glob.endsWith('/**') && other.startsWith(glob.slice(0, -2)))
  }
  return narrow.length > 0 && narrow.every((other) => wide.some((glob) => covers(glob, other)))
}

/** An empty list means any. */
function hasAll<T>(wide: readonly T[], narrow: readonly T[]): boolean {
  if (wide.length === 0) return true
  return narrow.length > 0 && narrow.every((value) => wide.includes(value))
}

function hasAllHosts(wide: readonly string[], narrow: readonly string[]): boolean {
  if (wide.length === 0) return true
  const read = (hosts: readonly string[]) => hosts.map(readHost).filter((host) => 'kind' in host)
  const patterns = read(wide)
  const meant = read(narrow).filter(({ excepted }) => !excepted)
  return meant.length > 0 && meant.every((host) => patterns.some((other) => covers(other, host)))
}
