/** What differs between two policies in what they mean: comments, order of keys and spellings do not count. */
import { loosened } from '../kernel/loosened.ts'
import { type Verdict, verdicts } from '../kernel/verdict.ts'
import type { CompiledPolicy } from './compile.ts'
import { sourceOf } from './lint-file.ts'
import { firstOnly, isEmpty, same } from './lint-pairs.ts'
import { loosenedTargets } from './reload.ts'
import { coversAll, isWider } from './shadow.ts'
import type { PolicySource, RuleSource } from './source.ts'

/** One key of one entry. A value is as the canonical form has it; null where it has none. */
export interface KeyChange {
  readonly key: string
  readonly before: unknown
  readonly after: unknown
}

export type EntryKind =
  | 'rule'
  | 'budget'
  | 'agent'
  | 'credential'
  | 'upstream_proxy'
  | 'price'
  | 'approver'
  | 'issuer'
  | 'domain'

export interface EntryChange {
  readonly kind: EntryKind
  readonly id: string
  readonly change: 'added' | 'removed' | 'changed'
  /** Of what was changed. */
  readonly keys: readonly KeyChange[]
  /** In which ways it lets more pass than before, as sentences. */
  readonly loosens: readonly string[]
}

export interface PolicyDiff {
  readonly before: string
  readonly after: string
  /** Keys of the whole policy: `mode`, `defaults.verdict`, … */
  readonly settings: readonly KeyChange[]
  readonly entries: readonly EntryChange[]
  /** Rules that changed places, where the first one to speak says what a request is. */
  readonly order: readonly { readonly ids: readonly [string, string]; readonly message: string }[]
  /** What a reload would refuse: see docs/policy.md. */
  readonly refusedByReload: readonly string[]
}

/** Compares two policies. */
export function diff(before: CompiledPolicy, after: CompiledPolicy): PolicyDiff {
  const [old, next] = [sourceOf(before), sourceOf(after)]
  const entries = sections.flatMap(({ kind, list, key }) => {
    return changesOf(kind, byId(list(old), key), byId(list(next), key))
  })
  const refused = [...loosened(before, after), ...loosenedTargets(before, after)]
  return {
    before: before.digest,
    after: after.digest,
    settings: settingsOf(old, next),
    entries: entries.map((entry) => ({ ...entry, loosens: loosensOf(entry, old, next) })),
    order: reordered(old.rules, next.rules),
    refusedByReload: refused.map(({ message }) => message),
  }
}

type Plain = Readonly<Record<string, unknown>>

interface Section {
  readonly kind: EntryKind
  readonly list: (source: PolicySource) => readonly object[] | undefined
  readonly key: 'id' | 'name'
}

const sections: readonly Section[] = [
  { kind: 'rule', list: ({ rules }) => rules, key: 'id' },
  { kind: 'budget', list: ({ budgets }) => budgets, key: 'id' },
  { kind: 'agent', list: ({ agents }) => agents, key: 'name' },
  { kind: 'credential', list: ({ credentials }) => credentials, key: 'name' },
  { kind: 'upstream_proxy', list: (source) => source.upstream_proxies, key: 'name' },
  { kind: 'price', list: ({ prices }) => prices, key: 'id' },
  { kind: 'approver', list: ({ approvers }) => approvers, key: 'name' },
  { kind: 'issuer', list: ({ issuers }) => issuers, key: 'name' },
  { kind: 'domain', list: ({ domains }) => domains, key: 'name' },
]

function byId(list: readonly object[] | undefined, key: string): ReadonlyMap<string, Plain> {
  const entries = (list ?? []).map((entry) => entry as Plain)
  return new Map(entries.map((entry) => [String(entry[key]), entry]))
}

type Bare = Omit<EntryChange, 'loosens'>

function changesOf(
  kind: EntryKind,
  before: ReadonlyMap<string, Plain>,
  after: ReadonlyMap<string, Plain>,
): readonly Bare[] {
  const found: Bare[] = []
  for (const [id, old] of before) {
    const next = after.get(id)
    if (next === undefined) found.push({ kind, id, change: 'removed', keys: [] })
    else {
      const keys = keysOf(old, next)
      if (keys.length > 0) found.push({ kind, id, change: 'changed', keys })
    }
  }
  for (const id of after.keys()) {
    if (!before.has(id)) found.push({ kind, id, change: 'added', keys: [] })
  }
  return found
}

function keysOf(before: Plain, after: Plain): readonly KeyChange[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return keys.flatMap((key) => {
    const [old, next] = [before[key] ?? null, after[key] ?? null]
    // What a token hashes to is nobody's business: how many there are is.
    const [was, is] = key === 'tokens' ? [lengthOf(old), lengthOf(next)] : [old, next]
    return same(old, next) ? [] : [{ key, before: was, after: is }]
  })
}

function lengthOf(value: unknown): string {
  return `${Array.isArray(value) ? value.length : 0} tokens`
}

function settingsOf(old: PolicySource, next: PolicySource): readonly KeyChange[] {
  const flat = ({ anchored_within_ms, mode, defaults, ...rest }: PolicySource): Plain => {
    const { price_table, unpriced } = rest
    const prefixed = Object.entries(defaults).map(([key, value]) => [`defaults.${key}`, value])
    return {
      ...{ mode, price_table, 'prices.unpriced': unpriced },
      'ledger.anchored_within': anchored_within_ms,
      ...Object.fromEntries(prefixed),
    }
  }
  return keysOf(flat(old), flat(next))
}

function isMilder(after: Verdict, before: Verdict): boolean {
  return verdicts.indexOf(after) < verdicts.indexOf(before)
}

/** In which ways one change lets more pass. Budgets are told by what a reload refuses. */
function loosensOf(entry: Bare, old: PolicySource, next: PolicySource): readonly string[] {
  if (entry.kind !== 'rule') return []
  const find = ({ rules }: PolicySource) => rules.find(({ id }) => id === entry.id)
  const [before, after] = [find(old), find(next)]
  if (before === undefined) return after === undefined ? [] : addedRule(after, next)
  if (after === undefined) return removedRule(before)
  const found: string[] = []
  if (before.state !== after.state) {
    const gone = after.state !== 'active' ? removedRule(before) : addedRule(after, next)
    found.push(...gone)
  }
  if (isMilder(after.effect, before.effect)) {
    found.push(`says ${after.effect}, which is milder than ${before.effect}`)
  }
  const [wide, narrow] = forbids(after) ? [before, after] : [after, before]
  if (!sameTargets(before, after) && !coversAll(narrow, wide)) {
    found.push(forbids(after) ? 'forbids less than before' : 'may let pass what it did not before')
  }
  if (after.addresses.some((cidr) => !before.addresses.includes(cidr))) {
    found.push('opens private addresses')
  }
  return found
}

function forbids({ effect }: RuleSource): boolean {
  return effect === 'deny' || effect === 'halt' || effect === 'approve'
}

function addedRule(rule: RuleSource, { defaults }: PolicySource): readonly string[] {
  const isOpen = rule.state === 'active' && !forbids(rule) && defaults.verdict === 'deny'
  return isOpen ? ['lets pass what only other rules could'] : []
}

function removedRule(rule: RuleSource): readonly string[] {
  return rule.state === 'active' && forbids(rule) ? [`no longer says ${rule.effect}`] : []
}

function sameTargets(before: RuleSource, after: RuleSource): boolean {
  return coversAll(before, after) && coversAll(after, before)
}

/** Two rules that overlap must not change places unnoticed, where the first one to say it counts. */
const firstSays = ['decoder', ...firstOnly] as const

/** Pairs that are told; more of them say that the file was sorted anew. */
const pairsMax = 100

function reordered(old: readonly RuleSource[], next: readonly RuleSource[]): PolicyDiff['order'] {
  const places = new Map(next.map((rule, index) => [rule.id, { rule, index }]))
  const kept = old.flatMap(({ id }) => places.get(id) ?? []).filter(({ rule }) => says(rule))
  const found: { ids: readonly [string, string]; message: string }[] = []
  for (const [at, { rule: first, index }] of kept.entries()) {
    for (const { rule: second, index: other } of kept.slice(at + 1)) {
      if (other > index || found.length >= pairsMax) continue
      const keys = firstSays.filter((key) => !isEmpty(first[key]) && !isEmpty(second[key]))
      const differ = keys.filter((key) => !same(first[key], second[key]))
      if (differ.length === 0 || !mayMeet(first, second)) continue
      const message = `${second.id} now stands before ${first.id}, and says ${differ.join(', ')} of what both mean`
      found.push({ ids: [second.id, first.id], message })
    }
  }
  return found
}

function says(rule: RuleSource): boolean {
  return firstSays.some((key) => !isEmpty(rule[key]))
}

/** True unless their hosts, ports or agents keep two rules apart for certain. */
function mayMeet(left: RuleSource, right: RuleSource): boolean {
  const meets = (one: readonly unknown[], other: readonly unknown[]): boolean => {
    return one.length === 0 || other.length === 0 || one.some((value) => other.includes(value))
  }
  const hosts = { ...left, agents: [], ports: [], tenants: [], projects: [], actors: [], keys: [] }
  const others = { ...hosts, hosts: right.hosts }
  const near = isWider(hosts, others) || isWider(others, hosts) || meets(left.hosts, right.hosts)
  return near && meets(left.ports, right.ports) && meets(left.agents, right.agents)
}
