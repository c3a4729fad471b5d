/** Finds a policy under which more rules or budgets speak about one request than an entry of the ledger can hold. */
import { HostIndex } from './host-index.ts'
import type { BudgetSource, RuleSource, TargetSource } from './source.ts'
import { compileTarget, type Target } from './target.ts'

/** What may speak about one request, of each kind; the gate refuses a request about which more do. */
export const spokenMax = 100

/** An entry by which a crowd becomes too large, and the host about which all of it speaks; `*` for any. */
interface Crowd {
  readonly kind: 'rules' | 'draft rules' | 'budgets'
  /** Position in the list of rules or budgets. */
  readonly position: number
  readonly host: string
}

/**
 * Crowds of entries that nothing narrows but host and port, one of each kind at most. What agents, methods, paths or
 * conditions narrow is not counted: whether those meet is known only when a request does.
 */
export function crowds(
  rules: readonly RuleSource[],
  budgets: readonly BudgetSource[],
): readonly Crowd[] {
  const kinds = [
    ['rules', rules.map((rule) => rule.state === 'active' && isWide(rule)), rules],
    ['draft rules', rules.map((rule) => rule.state === 'draft' && isWide(rule)), rules],
    ['budgets', budgets.map(isWide), budgets],
  ] as const
  return kinds.flatMap(([kind, wide, entries]) => {
    const positions = [...entries.keys()].filter((position) => wide[position] === true)
    if (positions.length <= spokenMax) return []
    const targets = positions.map((position) => compiled(entries[position] ?? null))
    const found = crowdOf(targets.filter((target) => target !== null))
    return found === null ? [] : [{ ...found, kind, position: positions[found.position] ?? 0 }]
  })
}

function isWide(source: TargetSource): boolean {
  const { agents, tenants, projects, actors, keys, methods, paths, when } = source
  const lists = [agents, tenants, projects, actors, keys, methods, paths]
  return when === '' && lists.every((list) => list.length === 0)
}

function compiled(source: TargetSource | null): Target | null {
  return source === null ? null : compileTarget(source, { when: null, isStern: false })
}

/** Looks at a host of each pattern: no other host has more patterns that cover it. */
function crowdOf(targets: readonly Target[]): Omit<Crowd, 'kind'> | null {
  const index = new HostIndex(targets)
  const hosts = new Set(['*'])
  for (const { hosts: named } of targets) {
    for (const name of named.exact) hosts.add(name)
    for (const name of named.suffixes) hosts.add(`*.${name}`)
  }
  for (const host of hosts) {
    const counts = new Map<number, number>()
    let everywhere = 0
    for (const position of index.candidates(host)) {
      const target = targets[position]
      if (target === undefined || excepts(target, host)) continue
      if (target.ports === null) everywhere += 1
      else for (const port of target.ports) counts.set(port, (counts.get(port) ?? 0) + 1)
      const most = target.ports === null ? counts.values() : ownCounts(target.ports, counts)
      if (everywhere + Math.max(0, ...most) > spokenMax) return { position, host }
    }
  }
  return null
}

function ownCounts(ports: ReadonlySet<number>, counts: ReadonlyMap<number, number>): number[] {
  return [...ports].map((port) => counts.get(port) ?? 0)
}

function excepts({ hosts }: Target, host: string): boolean {
  if (hosts.exceptExact?.has(host) === true) return true
  return hosts.exceptSuffixes.some((suffix) => host.endsWith(suffix))
}
