/** Explains what a policy says of one request: every rule and budget on its host, and the first reason why not. */
import type { Judgement } from '../kernel/domain.ts'
import type { Classification, Occasion, RuleTerms } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { meet, type Verdict } from '../kernel/verdict.ts'
import { isAbout } from './classify-action.ts'
import type { CompiledPolicy } from './compile.ts'
import type { CompiledBudget, CompiledRule } from './describe.ts'
import { Subject } from './expression.ts'
import { standingOf } from './standing.ts'
import {
  type Mismatch,
  mismatchOfContent,
  mismatchOfParties,
  mismatchOfPrincipal,
} from './target.ts'
import { isCertain, needsInside } from './tunnel.ts'

export interface Explanation {
  /** What the rules say, before budgets, halts and the destination are looked at. */
  readonly verdict: Verdict
  readonly classification: Classification
  /** What its domain says; null where none is asked, or the body is still to be read. */
  readonly judgement: Judgement | null
  readonly rules: readonly ExplainedRule[]
  readonly budgets: readonly ExplainedBudget[]
}

/** `unknown` where a tunnel hides what decides, nobody has read the body, or it is only asked who could allow. */
type Matched = 'yes' | 'no' | 'unknown'

export interface ExplainedRule extends RuleTerms {
  readonly matched: Matched
  /** The first reason why it does not speak, as a sentence; empty where it does. */
  readonly why: string
}

export interface ExplainedBudget {
  readonly id: string
  readonly state: RuleTerms['state']
  readonly matched: Matched
  readonly why: string
}

/**
 * Every rule and budget that was considered for the request's host, in the order of the file.
 *
 * occasion  when its domain is asked, and with which proofs; null asks none.
 */
export function explain(
  policy: CompiledPolicy,
  request: RequestFacts,
  occasion: Occasion | null = null,
): Explanation {
  const classification = policy.classify(request)
  const isRead = classification.decoder === ''
  const judgement =
    occasion === null || !isRead ? null : policy.judge(request, classification, occasion)
  return {
    verdict: verdictOf(policy, classification, judgement),
    classification,
    judgement,
    ...(request.kind === 'action' ? spokenOfAction(policy, request) : spoken(policy, request)),
  }
}

type Spoken = Pick<Explanation, 'rules' | 'budgets'>

function spoken({ rulebook }: CompiledPolicy, request: RequestFacts): Spoken {
  const subject = new Subject(request)
  return {
    rules: rulebook.rulesFor(request.host).map((rule) => {
      return { ...rule.terms, ...standsOn(rule, subject, needsInside(rule)) }
    }),
    budgets: rulebook.budgetsFor(request.host).map((budget) => {
      const { id, state } = budget.terms
      return { id, state, ...standsOn(budget, subject, budget.target.needsInspection) }
    }),
  }
}

/** Rules of its domain, and budgets that speak of no hosts: an action goes nowhere. */
function spokenOfAction({ rulebook }: CompiledPolicy, request: RequestFacts): Spoken {
  const subject = new Subject(request)
  const { action: asked } = request
  const conditionOf = (entry: CompiledRule | CompiledBudget): Stand => {
    const other = mismatchOfPrincipal(entry.target, request)
    if (other !== null) return { matched: 'no', why: sentences[other](request) }
    const standing = standingOf(entry.target.when, subject)
    if (standing.kind === 'speaks') return { matched: 'yes', why: '' }
    if (standing.kind === 'silent') return { matched: 'no', why: sentences.when(request) }
    return { matched: 'unknown', why: 'Its condition cannot be evaluated.' }
  }
  return {
    rules: rulebook.rulesOn(asked?.domain ?? '').map((rule) => {
      const isOther = asked === undefined || !isAbout(rule, asked)
      const stand = isOther ? ({ matched: 'no', why: elsewhere } as const) : conditionOf(rule)
      return { ...rule.terms, ...stand }
    }),
    budgets: rulebook.budgetsOnActions().map((budget) => {
      const { id, state } = budget.terms
      return { id, state, ...conditionOf(budget) }
    }),
  }
}

const elsewhere = 'It is for another action or resource.'

function verdictOf(
  policy: CompiledPolicy,
  { rules, refusals }: Classification,
  judgement: Judgement | null,
): Verdict {
  let verdict: Verdict = rules.length === 0 ? policy.defaultVerdict : 'allow'
  for (const id of rules) verdict = meet(verdict, policy.rules.get(id)?.effect ?? 'deny')
  for (const violation of judgement?.violations ?? []) verdict = meet(verdict, violation.verdict)
  return refusals.length === 0 ? verdict : meet(verdict, 'deny')
}

interface Stand {
  readonly matched: Matched
  readonly why: string
}

function standsOn(
  entry: CompiledRule | CompiledBudget,
  subject: Subject,
  isHidden: boolean,
): Stand {
  const { request } = subject
  const { target } = entry
  const parties = mismatchOfParties(target, request)
  if (parties !== null) return { matched: 'no', why: sentences[parties](request) }
  if (request.kind === 'reach' && (isHidden || !isCertain(target, request))) {
    return { matched: 'unknown', why: 'It depends on the request inside.' }
  }
  const hides = request.kind === 'tunnel' && isHidden
  const content = hides ? null : mismatchOfContent(target, subject)
  if (content !== null) return { matched: 'no', why: sentences[content](request) }
  const decoder = 'decoder' in entry ? entry.decoder : ''
  const isForeign = decoder !== '' && decoder !== (subject.content?.decoder ?? decoder)
  if (target.when !== null && !(hides && target.when.readsHidden)) {
    const standing = standingOf(target.when, isForeign ? subject.blind : subject)
    if (standing.kind === 'silent') return { matched: 'no', why: sentences.when(request) }
    if (standing.kind === 'failed') {
      return { matched: 'unknown', why: `Its condition fails: ${standing.message}` }
    }
    if (standing.kind === 'waits' && !hides && !isForeign) return unknownBody(decoder)
  }
  if (hides) return { matched: 'unknown', why: 'The tunnel hides what it needs to see.' }
  if (isForeign) return { matched: 'unknown', why: `It needs the decoder ${decoder}.` }
  if (decoder !== '' && subject.content === null) return unknownBody(decoder)
  return { matched: 'yes', why: '' }
}

function unknownBody(decoder: string): Stand {
  const by = decoder === '' ? '' : `, which the decoder ${decoder} reads`
  return { matched: 'unknown', why: `It depends on the body${by}.` }
}

const sentences: Readonly<Record<Mismatch, (request: RequestFacts) => string>> = {
  host: ({ host }) => `It excepts the host ${host}.`,
  agent: ({ principal }) => `It is not for the agent ${principal.agent}.`,
  tenant: ({ principal }) => `It is not for ${named('tenant', principal.tenant)}.`,
  project: ({ principal }) => `It is not for ${named('project', principal.project)}.`,
  actor: ({ principal }) => `It is not for ${named('actor', principal.actor)}.`,
  key: ({ principal }) => `It is not for ${named('key', principal.key)}.`,
  port: ({ port }) => `It is not for the port ${port}.`,
  method: ({ method }) => `It is not for the method ${method}.`,
  path: ({ path }) => `It is not for the path ${path}.`,
  when: () => 'Its condition is not met.',
}

function named(what: string, name: string | null): string {
  return name === null ? `agents without ${what}` : `the ${what} ${name}`
}
