/** Answers what a policy says of one request: who speaks, what it is, and what already refuses it. */
import { never } from '../kernel/contract.ts'
import type { Classification } from '../kernel/policy.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { classifyAction } from './classify-action.ts'
import {
  type CompiledBudget,
  type CompiledRule,
  describe,
  type PolicyParts,
  type Rulebook,
} from './describe.ts'
import { Subject } from './expression.ts'
import { HostIndex } from './host-index.ts'
import { contested, failed, isMild, type Standing, standingOf, unread } from './standing.ts'
import { mismatchOfContent, mismatchOfParties } from './target.ts'
import { classifyReach, classifyTunnel } from './tunnel.ts'

/** Rules and budgets behind an index by host: what is said about other hosts costs nothing. */
export class Classifier implements Rulebook {
  readonly parts: PolicyParts
  readonly #ruleIndex: HostIndex
  readonly #budgetIndex: HostIndex
  readonly #rulesByDomain = new Map<string, CompiledRule[]>()
  readonly #budgetsOnActions: readonly CompiledBudget[]

  constructor(parts: PolicyParts) {
    this.parts = parts
    this.#ruleIndex = new HostIndex(parts.rules.map(({ target }) => target))
    this.#budgetIndex = new HostIndex(parts.budgets.map(({ target }) => target))
    for (const rule of parts.rules) {
      const others = this.#rulesByDomain.get(rule.domain)
      if (others === undefined) this.#rulesByDomain.set(rule.domain, [rule])
      else others.push(rule)
    }
    this.#budgetsOnActions = parts.budgets.filter(({ target }) => !target.isOfRequests)
  }

  /** Total and pure: whatever goes wrong inside comes back as a refusal. */
  classify(request: RequestFacts): Classification {
    switch (request.kind) {
      case 'request':
      case 'websocket':
        return classifyRequest(this, request)
      case 'action':
        return classifyAction(this, request)
      case 'tunnel':
        return classifyTunnel(this, request)
      case 'reach':
        return classifyReach(this, request)
      default:
        return never(request.kind)
    }
  }

  rulesFor(host: string): readonly CompiledRule[] {
    return at(this.parts.rules, this.#ruleIndex.candidates(host))
  }

  budgetsFor(host: string): readonly CompiledBudget[] {
    return at(this.parts.budgets, this.#budgetIndex.candidates(host))
  }

  rulesOn(domain: string): readonly CompiledRule[] {
    return domain === '' ? [] : (this.#rulesByDomain.get(domain) ?? [])
  }

  budgetsOnActions(): readonly CompiledBudget[] {
    return this.#budgetsOnActions
  }
}

function at<T>(entries: readonly T[], positions: readonly number[]): readonly T[] {
  const found: T[] = []
  for (const position of positions) {
    const entry = entries[position]
    if (entry !== undefined) found.push(entry)
  }
  return found
}

/** A rule whose targets match. */
interface Heard {
  readonly rule: CompiledRule
  readonly standing: Standing
}

function classifyRequest(rulebook: Rulebook, request: RequestFacts): Classification {
  const subject = new Subject(request)
  const hearing = hear(rulebook, subject)
  const { heard } = hearing
  const decoder = subject.content === null ? decoderOf(heard) : ''
  const refusals: Reason[] = hearing.missed.length === 0 ? [] : misspelt(hearing)
  const matched: CompiledRule[] = []
  const drafts: string[] = []
  for (const { rule, standing } of heard) {
    const { id, effect, state } = rule.terms
    const isUnread = standing.kind === 'waits' || (rule.decoder !== '' && subject.content === null)
    if (state === 'draft') {
      if (standing.kind === 'speaks' && !isUnread && !isForeign(rule, subject)) drafts.push(id)
      continue
    }
    const reader = subject.content?.decoder ?? decoder
    if (standing.kind === 'failed') refusals.push(failed(id, 'when', standing.message))
    else if (rule.decoder !== '' && rule.decoder !== reader) {
      refusals.push(contested({ id, decoder: rule.decoder }, reader))
    } else if (isUnread && decoder === '') refusals.push(unread(id, 'when'))
    else if (!isUnread || isMild(effect)) matched.push(rule)
  }
  const budgets = countedBy(rulebook, subject, { decoder, refusals })
  return describe({ rulebook, subject, matched, drafts, budgets, refusals, decoder })
}

interface Hearing {
  readonly heard: readonly Heard[]
  /** Rules that would judge it, were its path not written in another way. */
  readonly missed: readonly CompiledRule[]
}

function hear(rulebook: Rulebook, subject: Subject): Hearing {
  const { request } = subject
  const heard: Heard[] = []
  const missed: CompiledRule[] = []
  for (const rule of rulebook.rulesFor(request.host)) {
    const { target } = rule
    if (mismatchOfParties(target, request) !== null) continue
    const mismatch = mismatchOfContent(target, subject)
    if (mismatch !== null) {
      const isRough = mismatch === 'path' && rule.rough !== null
      if (isRough && mismatchOfContent(rule.rough, subject) === null) missed.push(rule)
      continue
    }
    // What another decoder read says nothing about what this rule means.
    const seen = isForeign(rule, subject) ? subject.blind : subject
    const standing = standingOf(target.when, seen)
    if (standing.kind !== 'silent') heard.push({ rule, standing })
  }
  return { heard, missed }
}

/** A server may read two spellings of a path as one: what a rule judges is not let pass by another, unjudged. */
function misspelt({ heard, missed }: Hearing): Reason[] {
  const isJudged = ({ domain, terms }: CompiledRule): boolean =>
    terms.state !== 'active' ||
    heard.some(({ rule }) => rule.rough !== null && rule.domain === domain)
  return missed
    .filter((rule) => !isJudged(rule))
    .map(({ terms: { id } }) => {
      const message = `This path is another spelling of what the rule ${id} judges: write it as the rule does.`
      return { code: 'validator-refused', id, message }
    })
}

/** True where the body was read by another decoder than the rule's. */
function isForeign({ decoder }: CompiledRule, { content }: Subject): boolean {
  return content !== null && decoder !== '' && decoder !== content.decoder
}

/** The decoder of the first rule that says one; a draft does not bind, and so has no body read. */
function decoderOf(heard: readonly Heard[]): CompiledRule['decoder'] {
  for (const { rule, standing } of heard) {
    const asks = rule.decoder !== '' && rule.terms.state === 'active'
    if (asks && standing.kind !== 'failed') return rule.decoder
  }
  return ''
}

/** Ids of the budgets that count it. One that needs the body waits with it. */
function countedBy(
  rulebook: Rulebook,
  subject: Subject,
  found: { readonly decoder: string; readonly refusals: Reason[] },
): readonly string[] {
  const { request } = subject
  const budgets: string[] = []
  for (const { target, terms } of rulebook.budgetsFor(request.host)) {
    if (mismatchOfParties(target, request) !== null) continue
    if (mismatchOfContent(target, subject) !== null) continue
    const standing = standingOf(target.when, subject)
    if (standing.kind === 'speaks') budgets.push(terms.id)
    if (terms.state !== 'active') continue
    if (standing.kind === 'failed') found.refusals.push(failed(terms.id, 'when', standing.message))
    if (standing.kind === 'waits' && found.decoder === '') {
      found.refusals.push(unread(terms.id, 'when'))
    }
  }
  return budgets
}
