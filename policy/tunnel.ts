/**
 * Judges what can be known of a tunnel. Rules that need its inside can never allow it; where such a rule could
 * forbid it, it is refused: what cannot be seen counts against it.
 */
import type { Classification } from '../kernel/policy.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { passes } from '../kernel/verdict.ts'
import {
  addressesOf,
  type CompiledBudget,
  type CompiledRule,
  describe,
  handlingOf,
  noCall,
  type Rulebook,
} from './describe.ts'
import { Subject } from './expression.ts'
import { failed, standingOf } from './standing.ts'
import { mismatchOfContent, mismatchOfParties, type Target } from './target.ts'

/** True where a rule must see inside a tunnel before it can say whether it matches. */
export function needsInside(rule: CompiledRule): boolean {
  const { target, decoder, payload, inject, capability } = rule
  const reads = target.needsInspection || decoder !== '' || payload !== null
  return reads || inject !== '' || capability !== ''
}

/** True where a rule stands in the way of what it cannot see: it, or its domain, could forbid it or cut it. */
function restrains({ capability, domain, payload, terms }: CompiledRule): boolean {
  if (domain !== '' || capability === 'require') return true
  return !letsPass(terms.effect) || (payload !== null && payload.action !== 'warn')
}

/** True where host, port, agent and the method CONNECT decide alone: no request inside a tunnel can differ. */
export function isCertain(target: Target, { method }: RequestFacts): boolean {
  const isContentFree = target.paths === null && target.when === null
  return isContentFree && (target.methods === null || target.methods.has(method))
}

/** True for rules that only stand in the way. */
export function forbids({ terms }: CompiledRule): boolean {
  return terms.effect === 'deny' || terms.effect === 'halt'
}

function letsPass(effect: CompiledRule['terms']['effect']): boolean {
  return effect === 'allow' || effect === 'warn'
}

/** An opaque tunnel: only host, port and agent are known. */
export function classifyTunnel(rulebook: Rulebook, request: RequestFacts): Classification {
  const subject = new Subject(request)
  const refusals: Reason[] = []
  const matched: CompiledRule[] = []
  const hidden: CompiledRule[] = []
  const drafts: string[] = []
  let tls: CompiledRule | null = null
  for (const rule of rulebook.rulesFor(request.host)) {
    const { target, terms } = rule
    if (mismatchOfParties(target, request) !== null) continue
    const isHidden = needsInside(rule)
    if (!isHidden && mismatchOfContent(target, subject) !== null) continue
    if (target.when?.readsHidden !== true && !holds(rule, subject, refusals)) continue
    if (terms.state === 'draft') {
      if (!isHidden) drafts.push(terms.id)
      continue
    }
    if (tls === null && rule.tls !== '') tls = rule
    ;(isHidden ? hidden : matched).push(rule)
  }
  refuseHidden(rulebook, { matched, hidden, refusals, tls })
  const budgets = budgetsOf(rulebook, subject, refusals)
  const described = describe({ rulebook, subject, matched, drafts, budgets, refusals, decoder: '' })
  return tls === null || tls.tls === '' ? described : { ...described, tls: tls.tls }
}

interface Judged {
  readonly matched: readonly CompiledRule[]
  readonly hidden: readonly CompiledRule[]
  readonly refusals: Reason[]
  readonly tls: CompiledRule | null
}

function refuseHidden(rulebook: Rulebook, { matched, hidden, refusals, tls }: Judged): void {
  const { defaults } = rulebook.parts
  const allows = matched.length === 0 ? passes(defaults.verdict) : !matched.some(forbids)
  for (const rule of hidden) if (restrains(rule)) refusals.push(cannotJudge(rule))
  const needy = hidden.find((rule) => !restrains(rule))
  if (matched.length === 0 && !allows && needy !== undefined) refusals.push(cannotAllow(needy))
  if (refusals.length > 0 || !allows || (tls?.tls || defaults.tls) === 'tunnel') return
  const where = tls === null ? 'The policy' : `The rule ${tls.terms.id}`
  const message = `${where} wants tunnels inspected, and this one would pass unseen; with \`tls: tunnel\` it may.`
  refusals.push({ code: 'inspection-required', id: tls?.terms.id ?? '', message })
}

function cannotJudge({ terms, payload }: CompiledRule): Reason {
  const aim = letsPass(terms.effect)
    ? `${payload?.action ?? 'judge'} what it looks for`
    : `${terms.effect} or not`
  const message = `The rule ${terms.id} must see inside this tunnel to ${aim}; an operator can except the host from it with \`hosts: ["*", "!HOST"]\`.`
  return { code: 'inspection-required', id: terms.id, message }
}

function cannotAllow({ terms, target, decoder, inject, capability }: CompiledRule): Reason {
  const inside = target.needsInspection ? 'its method, path or condition' : 'its payload'
  const token = capability === '' ? inside : 'its capability token'
  const held = inject === '' ? token : `to set the credential ${inject}`
  const needs = decoder === '' ? held : `the decoder ${decoder}`
  const message = `The rule ${terms.id} could allow this only after seeing inside the tunnel: it needs ${needs}.`
  return { code: 'inspection-required', id: terms.id, message }
}

/** True where a condition is met, or there is none; one that fails to evaluate refuses, unless it is a draft's. */
function holds(entry: Conditioned, subject: Subject, refusals: Reason[]): boolean {
  const standing = standingOf(entry.target.when, subject)
  if (standing.kind === 'failed' && entry.terms.state === 'active') {
    refusals.push(failed(entry.terms.id, 'when', standing.message))
  }
  return standing.kind === 'speaks'
}

type Conditioned = Pick<CompiledRule | CompiledBudget, 'terms' | 'target'>

/** A budget that cannot tell whether it is meant is charged: a tunnel is no way around it. */
function budgetsOf(rulebook: Rulebook, subject: Subject, refusals: Reason[]): readonly string[] {
  const { request } = subject
  const found: string[] = []
  for (const budget of rulebook.budgetsFor(request.host)) {
    const { target, terms } = budget
    if (mismatchOfParties(target, request) !== null) continue
    if (target.when?.readsHidden !== true && !holds(budget, subject, refusals)) continue
    found.push(terms.id)
  }
  return found
}

/**
 * Whether anything could allow this host and port: the rules of the mildest answer that a request there could
 * get. Methods, paths and conditions may turn out either way.
 */
export function classifyReach(rulebook: Rulebook, request: RequestFacts): Classification {
  const { defaults } = rulebook.parts
  const spoken = rulebook
    .rulesFor(request.host)
    .filter((rule) => rule.terms.state === 'active')
    .filter((rule) => mismatchOfParties(rule.target, request) === null)
  const isSure = (rule: CompiledRule): boolean => {
    return rule.decoder === '' && isCertain(rule.target, request)
  }
  const mayQueue = spoken.some(({ terms }) => terms.effect === 'queue')
  const mayPass =
    spoken.some(({ terms }) => letsPass(terms.effect)) ||
    (passes(defaults.verdict) && !spoken.some(isSure))
  const speaks = (rule: CompiledRule): boolean => {
    if (isSure(rule) || letsPass(rule.terms.effect)) return true
    if (forbids(rule) || mayPass) return false
    return rule.terms.effect === 'queue' || !mayQueue
  }
  const matched = spoken.filter(speaks)
  const budgets = rulebook
    .budgetsFor(request.host)
    .filter(
      ({ target }) => isCertain(target, request) && mismatchOfParties(target, request) === null,
    )
  const tls = spoken.find((rule) => rule.tls !== '' && mayHold(rule, request))?.tls
  return {
    rules: matched.map(({ terms }) => terms.id),
    drafts: [],
    budgets: budgets.map(({ terms }) => terms.id),
    domain: matched.find(({ domain }) => domain !== '')?.domain ?? 'general',
    action: matched.find(({ action }) => action !== '')?.action ?? 'axn_request',
    resource: '',
    charge: {},
    context: {},
    tls: tls === undefined || tls === '' ? defaults.tls : tls,
    addresses: addressesOf(matched),
    refusals: [],
    decoder: '',
    ...handlingOf(matched, defaults.upstream_proxy),
    ...noCall,
  }
}

/** False where a condition that nothing inside a tunnel can change is not met. */
function mayHold({ target }: CompiledRule, request: RequestFacts): boolean {
  if (target.when === null || target.when.readsHidden) return true
  return standingOf(target.when, new Subject(request)).kind === 'speaks'
}
