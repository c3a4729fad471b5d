/** Answers what a policy says of one request: who speaks, what it is, and what already refuses it. */
import { never } from '../kernel/contract.ts'
import type { Classification } from '../kernel/policy.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import {
  type CompiledBudget,
  type CompiledRule,
  describe,
  holds,
  needsDecoder,
  type PolicyParts,
  type Rulebook,
} from './describe.ts'
import { Subject } from './expression.ts'
import { HostIndex } from './host-index.ts'
import { mismatchOfContent, mismatchOfParties } from './target.ts'
import { classifyReach, classifyTunnel } from './tunnel.ts'

/** Rules and budgets behind an index by host: what is said about other hosts costs nothing. */
export class Classifier implements Rulebook {
  readonly parts: PolicyParts
  readonly #ruleIndex: HostIndex
  readonly #budgetIndex: HostIndex

  constructor(parts: PolicyParts) {
    this.parts = parts
    this.#ruleIndex = new HostIndex(parts.rules.map(({ target }) => target))
    this.#budgetIndex = new HostIndex(parts.budgets.map(({ target }) => target))
  }

  /** Total and pure: whatever goes wrong inside comes back as a refusal. */
  classify(request: RequestFacts): Classification {
    switch (request.kind) {
      case 'request':
      case 'websocket':
        return classifyRequest(this, request)
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
}

function at<T>(entries: readonly T[], positions: readonly number[]): readonly T[] {
  const found: T[] = []
  for (const position of positions) {
    const entry = entries[position]
    if (entry !== undefined) found.push(entry)
  }
  return found
}

function classifyRequest(rulebook: Rulebook, request: RequestFacts): Classification {
  const subject = new Subject(request)
  const refusals: Reason[] = []
  const matched: CompiledRule[] = []
  const drafts: string[] = []
  for (const rule of rulebook.rulesFor(request.host)) {
    const { target, terms } = rule
    if (mismatchOfParties(target, request) !== null) continue
    if (mismatchOfContent(target, request) !== null) continue
    if (!holds(rule, subject, refusals)) continue
    if (terms.state === 'draft') drafts.push(terms.id)
    else {
      if (rule.decoder !== '') refusals.push(needsDecoder(rule))
      matched.push(rule)
    }
  }
  const budgets: string[] = []
  for (const budget of rulebook.budgetsFor(request.host)) {
    if (mismatchOfParties(budget.target, request) !== null) continue
    if (mismatchOfContent(budget.target, request) !== null) continue
    if (holds(budget, subject, refusals)) budgets.push(budget.terms.id)
  }
  return describe({ rulebook, subject, matched, drafts, budgets, refusals })
}
