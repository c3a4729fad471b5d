/** What two rules do to each other: one that always beats another, says the same, or reads the body otherwise. */
import { meet } from '../kernel/verdict.ts'
import { type Explanation, explain } from './explain.ts'
import { type Linted, speak } from './lint-finding.ts'
import { requestsFor, samplesOf } from './lint-request.ts'
import { coversAll } from './shadow.ts'
import { anyTarget, type RuleSource, type TargetSource } from './source.ts'

/** Rules that one rule is compared with: more on the same host make no other mistake. */
const comparisonsMax = 64

/** What a request is by the first rule that says so; of a later one it is never heard. */
export const firstOnly = [
  'domain',
  'action',
  'resource',
  'context',
  'charge',
  'tls',
  'upstream_proxy',
] as const

/** Whatever a rule may say beside its effect. */
const sayings = [...firstOnly, 'decoder', 'addresses', 'payload', 'inject', 'approval'] as const

export function lintPairs(linted: Linted): void {
  const { source } = linted
  const neighboursOf = neighbours(linted)
  source.rules.forEach((rule, index) => {
    if (rule.state === 'draft') {
      lintDraft(linted, rule)
      return
    }
    for (const at of neighboursOf(rule)) {
      const other = source.rules[at]
      if (other === undefined || other === rule || other.state !== 'active') continue
      const pair = { rule, other, isLater: at < index }
      if (lintBeaten(linted, pair) || lintRedundant(linted, pair)) return
      lintShadowed(linted, pair)
      lintDecoders(linted, pair)
    }
  })
}

/** The rules whose hosts may be among those of a rule, by position. */
function neighbours({ policy, source }: Linted): (rule: RuleSource) => readonly number[] {
  const positions = new Map(source.rules.map(({ id }, index) => [id, index]))
  return ({ hosts }) => {
    const names = hosts.length === 0 ? ['unnamed.example'] : hosts.flatMap(samplesOf)
    const [name = 'unnamed.example'] = names
    const near = policy.rulebook.rulesFor(name).map(({ terms }) => positions.get(terms.id) ?? -1)
    return near.slice(0, comparisonsMax)
  }
}

interface Pair {
  readonly rule: RuleSource
  readonly other: RuleSource
  /** True where the rule stands behind the other. */
  readonly isLater: boolean
}

/** A rule that another always beats: everything that it lets pass, the other denies. */
function lintBeaten({ policy, suspect }: Linted, { rule, other }: Pair): boolean {
  const forbids = other.effect === 'deny' || other.effect === 'halt'
  const isBeaten = forbids && meet(rule.effect, other.effect) !== rule.effect
  const isSame = sameTarget(rule, other)
  const isOpposed =
    isSame && rule.effect !== other.effect && meet(rule.effect, other.effect) === other.effect
  if (other.decoder !== '' || !(isOpposed || (isBeaten && coversAll(other, rule)))) return false
  const ids = [rule.id, other.id]
  const requests = requestsFor(policy, rule, other)
  const shows = (explained: Explanation) => {
    return speak(explained, ...ids) && meet(explained.verdict, other.effect) === explained.verdict
  }
  const message = isSame
    ? `the rule ${other.id} means the same requests and says ${other.effect}, which is stricter than ${rule.effect}`
    : `the rule ${other.id} says ${other.effect} to all of this: it never lets anything pass`
  const code = isSame ? 'contradictory' : 'always-denied'
  suspect({ code, ids, at: 'id', message, requests, shows })
  return true
}

/** Ports that are left out mean fewer to what lets pass than to what forbids: the same key left out is the same. */
function sameTarget(left: TargetSource, right: TargetSource): boolean {
  return (Object.keys(anyTarget) as (keyof TargetSource)[]).every((key) => {
    const [one, two] = [JSON.stringify(left[key]), JSON.stringify(right[key])]
    const bare = (text: string): string => (key === 'ports' && text === '[80,443]' ? '[]' : text)
    return bare(one) === bare(two)
  })
}

/** A rule that adds nothing to another of the same effect. */
function lintRedundant({ policy, suspect }: Linted, { rule, other, isLater }: Pair): boolean {
  if (rule.effect !== other.effect || !coversAll(other, rule)) return false
  const isMutual = coversAll(rule, other)
  const adds = sayings.some((key) => !isEmpty(rule[key]) && !same(rule[key], other[key]))
  if (adds || (rule.reason !== '' && rule.reason !== other.reason) || (isMutual && !isLater)) {
    return false
  }
  const ids = [rule.id, other.id]
  const message = `the rule ${other.id} says the same to all of this: leave it out`
  const requests = requestsFor(policy, rule, other)
  const shows = (explained: Explanation) => speak(explained, ...ids)
  suspect({ code: 'redundant', ids, at: 'id', message, requests, shows })
  return true
}

/** What a rule says and an earlier, wider one says otherwise. */
function lintShadowed({ policy, suspect }: Linted, { rule, other, isLater }: Pair): void {
  if (!isLater || !coversAll(other, rule)) return
  for (const key of firstOnly) {
    if (isEmpty(rule[key]) || isEmpty(other[key]) || same(rule[key], other[key])) continue
    const message = `the rule ${other.id} stands before it and says \`${key}\` for all of this: what stands here has no effect`
    const requests = requestsFor(policy, rule, other)
    const ids = [rule.id, other.id]
    const shows = (explained: Explanation) => speak(explained, ...ids)
    suspect({ code: 'shadowed', ids, at: key, message, requests, shows })
  }
}

/** Two rules that need the same body read in two ways: each request that both mean is refused. */
function lintDecoders({ policy, suspect }: Linted, { rule, other, isLater }: Pair): void {
  if (!isLater || rule.decoder === '' || other.decoder === '' || rule.decoder === other.decoder) {
    return
  }
  const ids = [rule.id, other.id]
  const message = `the rule ${other.id} reads the same bodies as ${other.decoder}: each such request is refused`
  suspect({
    ...{ code: 'decoder-conflict', ids, at: 'decoder', message },
    requests: requestsFor(policy, rule, other),
    shows: ({ classification }) => {
      return classification.refusals.some(({ code, id }) => {
        return code === 'inspection-required' && ids.includes(id)
      })
    },
  })
}

/** A draft that would change no verdict if it were active. */
function lintDraft({ policy, source, suspect }: Linted, draft: RuleSource): void {
  if (sayings.some((key) => !isEmpty(draft[key]))) return
  const others = source.rules.filter(({ state }) => state === 'active')
  const near = others.filter((rule) => requestsFor(policy, draft, rule).length > 0)
  const requests = [
    ...requestsFor(policy, draft),
    ...near.slice(0, comparisonsMax).flatMap((rule) => requestsFor(policy, draft, rule)),
  ]
  const explained = requests.map((request) => explain(policy, request))
  const heard = explained.filter(({ classification }) => classification.drafts.includes(draft.id))
  const changes = heard.some(({ classification, verdict }) => {
    const { rules } = classification
    const next = rules.length === 0 ? draft.effect : meet(verdict, draft.effect)
    return next !== verdict
  })
  if (changes) return
  const message = 'made active, this draft would change no verdict: the other rules say as much'
  suspect({
    ...{ code: 'draft-idle', ids: [draft.id], at: 'id', message, requests },
    shows: ({ classification }) => classification.drafts.includes(draft.id),
  })
}

/** True for what a rule does not say: an empty text, list or map. */
export function isEmpty(value: unknown): boolean {
  if (value === '') return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** True for values that canonical JSON writes alike. */
export function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right)
}
