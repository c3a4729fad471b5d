/**
 * Says what a policy answers to an action of a domain that somebody asks about, without a request: where it would go,
 * and by which method, is not known, so that only rules which name its domain speak.
 */
import type { Classification } from '../kernel/policy.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { AskedAction, RequestFacts } from '../kernel/request.ts'
import {
  type CompiledRule,
  describe,
  type Findings,
  type Rulebook,
  resourceOf,
} from './describe.ts'
import { Subject } from './expression.ts'
import { failed, standingOf, unread } from './standing.ts'
import { mismatchOfPrincipal } from './target.ts'

const nobodyAsked: AskedAction = { domain: '', action: '', resource: '', actor: '' }

export function classifyAction(rulebook: Rulebook, request: RequestFacts): Classification {
  const asked = request.action ?? nobodyAsked
  const subject = new Subject(request)
  const refusals: Reason[] = []
  const matched: CompiledRule[] = []
  const drafts: string[] = []
  for (const rule of rulebook.rulesOn(asked.domain)) {
    const { target, terms } = rule
    if (!isAbout(rule, asked) || mismatchOfPrincipal(target, request) !== null) continue
    const standing = standingOf(target.when, subject)
    if (terms.state === 'draft') {
      if (standing.kind === 'speaks') drafts.push(terms.id)
    } else if (standing.kind === 'failed') {
      refusals.push(failed(terms.id, 'when', standing.message))
    } else if (standing.kind === 'waits') refusals.push(unread(terms.id, 'when'))
    else if (standing.kind === 'speaks') matched.push(rule)
  }
  const budgets = budgetsOf(rulebook, subject, refusals)
  const found = { rulebook, subject, drafts, budgets, refusals, decoder: '' as const }
  const isNamed = asked.resource !== ''
  if (isNamed) compareResource(asked.resource, { ...found, matched })
  const speaking = isNamed ? matched.map((rule) => ({ ...rule, resource: '' })) : matched
  const described = describe({ ...found, matched: speaking })
  return {
    ...described,
    ...handled(described),
    domain: asked.domain,
    action: asked.action,
    resource: isNamed ? asked.resource : described.resource,
  }
}

/** True for a rule of this action, or of all actions of its domain, and of this resource or of any. */
export function isAbout(
  { action, resource }: Pick<CompiledRule, 'action' | 'resource'>,
  asked: AskedAction,
): boolean {
  if (action !== '' && action !== asked.action) return false
  if (typeof resource !== 'string' || resource === '' || asked.resource === '') return true
  return asked.resource === resource || asked.resource.startsWith(`${resource}:`)
}

/** Nothing is sent: there is nothing to look through, to set, or to open. */
function handled({ capability }: Classification): Partial<Classification> {
  return {
    payload: [],
    inject: [],
    upstreamProxy: '',
    addresses: [],
    capability: capability === 'require' ? capability : '',
  }
}

/** A rule that reads the resource out of the facts, and finds another, shows that they do not belong together. */
function compareResource(resource: string, found: Findings): void {
  for (const rule of found.matched) {
    if (typeof rule.resource === 'string') continue
    const read = resourceOf(rule, found)
    if (read === '' || read === resource) continue
    const message = 'it is another than the one that is asked about.'
    found.refusals.push(failed(rule.terms.id, 'resource', message))
  }
}

function budgetsOf(rulebook: Rulebook, subject: Subject, refusals: Reason[]): readonly string[] {
  const budgets: string[] = []
  for (const { target, terms } of rulebook.budgetsOnActions()) {
    if (mismatchOfPrincipal(target, subject.request) !== null) continue
    const standing = standingOf(target.when, subject)
    if (standing.kind === 'speaks') budgets.push(terms.id)
    if (terms.state !== 'active') continue
    if (standing.kind === 'failed') refusals.push(failed(terms.id, 'when', standing.message))
    if (standing.kind === 'waits') refusals.push(unread(terms.id, 'when'))
  }
  return budgets
}
