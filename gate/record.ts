/** Builds the data of each entry, keys ascending, so that JSON.stringify is its canonical form (docs/ledger.md). */
import type { Answer } from '../kernel/answer.ts'
import { type ApprovalAsk, groupsMax } from '../kernel/approval.ts'
import type { DecoderName } from '../kernel/content.ts'
import type { Vector } from '../kernel/dimension.ts'
import type { Demand, Judgement } from '../kernel/domain.ts'
import type { AdmitEvent, AnswerEvent, ExpireEvent } from '../kernel/event.ts'
import { type MarkCheck, markChecksMax } from '../kernel/mark.ts'
import type { PayloadFinding } from '../kernel/payload.ts'
import type { Classification } from '../kernel/policy.ts'
import { type Reason, reasons } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Principal } from '../kernel/scope.ts'
import type { Actor, Draft } from '../ledger/entry.ts'
import type { Folded, FoldedRefusal } from './flood.ts'
import type { Settlement } from './passage.ts'
import { redactPath } from './redact.ts'

type Plain = Record<string, unknown>

/** Strings that come from outside are cut here: an entry has a size that nobody outside decides. */
const stringBytesMax = 256

const actors = new WeakMap<Principal, Actor>()

/** The opaque ids of a principal, made once for each. */
export function actorOf(principal: Principal): Actor {
  const known = actors.get(principal)
  if (known !== undefined) return known
  const actor: Plain = { agent: principal.agent }
  if (principal.key !== null) actor['key'] = principal.key
  if (principal.actor !== null) actor['principal'] = principal.actor
  if (principal.project !== null) actor['project'] = principal.project
  actor['run'] = principal.run
  if (principal.tenant !== null) actor['tenant'] = principal.tenant
  actors.set(principal, actor)
  return actor
}

/** A string as an entry may hold it: well-formed, and at most 256 bytes of UTF-8. */
export function bounded(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed()
  if (whole.length * 3 <= stringBytesMax) return whole
  let bytes = 0
  let end = 0
  for (const character of whole) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    if (bytes > stringBytesMax) return whole.slice(0, end)
    end += character.length
  }
  return whole
}

/** The same members with keys ascending; the object itself where they already ascend. */
export function ascending<T>(members: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  let last = ''
  for (const key in members) {
    if (key < last) return sorted(members)
    last = key
  }
  return members
}

function sorted<T>(members: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  const result: Record<string, T> = {}
  for (const key of Object.keys(members).sort()) {
    const value = members[key]
    if (value !== undefined) result[key] = value
  }
  return result
}

function isEmpty(members: object): boolean {
  for (const _ in members) return false
  return true
}

/** Of what detectors found in one request or response: every detector in every place, once. */
const findingsMax = 40

/** What was found, with its keys ascending; by name and place alone (I6). */
function found(findings: readonly PayloadFinding[]): readonly PayloadFinding[] {
  return findings.slice(0, findingsMax).map(({ count, detector, hash, place }) => ({
    ...{ count, detector, hash, place },
  }))
}

const codes = (all: readonly Reason[]): Plain[] =>
  all.map((reason) => ({ code: reason.code, id: bounded(reason.id) }))

export interface DecisionRecord {
  readonly facts: RequestFacts
  readonly classification: Classification
  readonly event: AdmitEvent
  readonly answer: Answer
  readonly addresses: readonly string[]
  /** What its body was read with; empty where it was not. */
  readonly decoder: DecoderName | ''
  readonly findings: readonly PayloadFinding[]
  readonly policy: string
  readonly mode: string
  /** Salted, of what it does not hold; null or absent where there are none. */
  readonly commitments?: Readonly<Record<string, string>> | null
  /** What its domain said; null or absent where no domain judged it. */
  readonly judgement?: Judgement | null
}

/** One decision: all that the kernel was given and what it answered, so that replay can re-execute it. */
export function decisionDraft(record: DecisionRecord): Draft {
  return { kind: 'decision', actor: actorOf(record.facts.principal), data: decided(record) }
}

/** A decision that somebody only asked about: replay re-executes it, and keeps nothing of what follows. */
export function previewDraft(record: DecisionRecord): Draft {
  return { kind: 'preview', actor: actorOf(record.facts.principal), data: decided(record) }
}

function decided(record: DecisionRecord): Plain {
  const { facts, classification, event, answer } = record
  // What a detector found in the address must not be read here (I6).
  const isFound = record.findings.some(({ place }) => place === 'request-url')
  const path = isFound ? { text: '[redacted]', redacted: true } : redactPath(facts.path)
  const data: Plain = { action: bounded(classification.action) }
  if (record.addresses.length > 0) data['addresses'] = record.addresses
  if (event.approval !== undefined) data['approval'] = askMembers(event.approval)
  if (answer.approval !== null) data['approval_id'] = answer.approval.id
  if (!isEmpty(event.ask)) data['ask'] = ascending(event.ask)
  data['at'] = event.at
  if (event.budgets.length > 0) data['budgets'] = event.budgets
  if (!isEmpty(event.charge)) data['charge'] = ascending(event.charge)
  if (record.commitments) data['commitments'] = record.commitments
  const context = contextOf(record)
  if (!isEmpty(context)) data['context'] = context
  const { judgement } = record
  if (judgement && judgement.controls.length > 0) data['controls'] = judgement.controls
  if (record.decoder !== '') data['decoder'] = record.decoder
  if (event.demands !== undefined) data['demands'] = event.demands.map(demandMembers)
  data['domain'] = classification.domain
  if (answer.draftVerdict !== answer.verdict) data['draft_verdict'] = answer.draftVerdict
  if (event.drafts.length > 0) data['drafts'] = event.drafts
  if (record.findings.length > 0) data['findings'] = found(record.findings)
  if (answer.hold !== null) data['hold'] = ascending(answer.hold.vector)
  data['host'] = bounded(facts.host)
  data['kind'] = facts.kind
  if (event.least !== undefined) data['least'] = ascending(event.least)
  if (event.marks !== undefined) data['marks'] = marksOf(event.marks)
  data['method'] = bounded(facts.method)
  data['mode'] = record.mode
  if (facts.content?.model) data['model'] = bounded(facts.content.model.model)
  if (facts.path !== '') data['path'] = bounded(path.text)
  if (path.redacted) data['path_redacted'] = true
  data['policy'] = record.policy
  data['port'] = facts.port
  if (event.queue !== 'open') data['queue'] = event.queue
  if (answer.reasons.length > 0) data['reasons'] = codes(answer.reasons)
  if (event.refusals.length > 0) data['refusals'] = codes(event.refusals)
  data['request'] = facts.id
  if (classification.resource !== '') data['resource'] = bounded(classification.resource)
  if (judgement && judgement.riskLevel > 0) data['risk_level'] = judgement.riskLevel
  if (event.rules.length > 0) data['rules'] = event.rules
  data['scheme'] = facts.scheme
  data['verdict'] = answer.verdict
  return data
}

function askMembers({ digest, expiresMs, kind, quorums }: ApprovalAsk): Plain {
  const wanted = quorums.map(({ need, of }) => ({ need, of: of.map(bounded) }))
  return { digest, expires_ms: expiresMs, kind, quorums: wanted }
}

function demandMembers({ verdict, reason, need, of }: Demand): Plain {
  return { code: reason.code, id: bounded(reason.id), need, of: of.map(bounded), verdict }
}

/** One more than the kernel hears is enough for a replay to see that there were too many. */
function marksOf(checks: readonly MarkCheck[]): readonly Plain[] {
  return checks.slice(0, markChecksMax + 1).map(markMembers)
}

function markMembers({ amount, key, limit, op, reason, until }: MarkCheck): Plain {
  return { amount, code: reason.code, id: bounded(reason.id), key: bounded(key), limit, op, until }
}

/** The rule's context, and what the domain added to it. */
function contextOf({ classification, judgement }: DecisionRecord): Plain {
  const { context } = classification
  return boundedContext(judgement ? { ...judgement.added, ...context } : context)
}

/** Text that a domain looks through: of the body, and so never recorded (I6). */
const unrecorded: ReadonlySet<string> = new Set(['content'])

/** Characters of all facts together, as an entry writes them: an agent chooses what some of them say. */
const contextCharactersMax = 8_192

/** Facts as far as they fit, the others left out whole. */
function boundedContext(context: Classification['context']): Plain {
  const result: Plain = {}
  let left = contextCharactersMax
  for (const key of Object.keys(context).sort()) {
    if (unrecorded.has(key)) continue
    const value = context[key]
    const kept = typeof value === 'string' ? bounded(value) : value
    const length = key.length + JSON.stringify(kept ?? null).length
    if (length > left) continue
    left -= length
    result[key] = kept
  }
  return result
}

export interface SettlementRecord {
  readonly request: string
  readonly at: number
  readonly durationMs: number
  readonly source: 'proxy' | 'halt' | 'recovery'
  readonly settlement: Settlement
}

/** What an admitted request turned out to cost, or that nobody knows. */
export function settlementDraft(actor: Actor, record: SettlementRecord): Draft {
  const { settlement } = record
  const { actual, cut, findings, hashes } = settlement
  const data: Plain = {}
  if (!isEmpty(actual)) data['actual'] = ascending(actual)
  data['at'] = record.at
  if (cut !== '') data['cut'] = cut
  data['duration_ms'] = record.durationMs
  if (findings !== undefined && findings.length > 0) data['findings'] = found(findings)
  if (hashes !== undefined && !isEmpty(hashes)) data['hashes'] = ascending(hashes)
  data['outcome'] = settlement.outcome
  data['request'] = record.request
  data['source'] = record.source
  data['status'] = settlement.status
  if (settlement.usage_source !== undefined) data['usage_source'] = settlement.usage_source
  return { kind: 'settlement', actor, data }
}

/** More of metered dimensions for a request under way, given or refused. */
export function extensionDraft(
  actor: Actor,
  record: { request: string; at: number; ask: Vector; answer: Answer },
): Draft {
  const { answer } = record
  const data: Plain = { ask: ascending(record.ask), at: record.at }
  if (answer.hold !== null) data['hold'] = ascending(answer.hold.vector)
  if (answer.reasons.length > 0) data['reasons'] = codes(answer.reasons)
  data['request'] = record.request
  data['verdict'] = answer.verdict
  return { kind: 'extension', actor, data }
}

export interface RejectionRecord {
  readonly at: number
  readonly code: string
  readonly count: number
  readonly listener: string
  readonly message: string
  readonly status: number
}

/** A refusal that the kernel was not asked about, or several like it. */
export function rejectedDraft(actor: Actor, record: RejectionRecord): Draft {
  const { at, code, count, listener, message, status } = record
  const data = { at, code, count, listener, message: bounded(message), status }
  return { kind: 'rejected', actor, data }
}

/** Several refusals of the kernel that moved nothing: of one agent, policy and deciding code, unless they are mixed. */
export function foldedDraft(at: number, folded: Folded<FoldedRefusal>): Draft {
  const { count, mixed, sample } = folded
  const { agent, policy, reason } = sample
  if (mixed) return rejectedDraft({}, { ...mixture, at, count, listener: 'gate' })
  const { code, message } = reason
  const { status } = reasons[code]
  const draft = rejectedDraft({ agent }, { at, code, count, listener: 'gate', message, status })
  return { ...draft, data: ascending({ ...draft.data, policy }) }
}

/** What an entry says that stands for more kinds of refusals than are counted apart. */
export const mixture = { code: 'mixed', message: 'Refusals of several kinds.', status: 0 } as const

/** What a person said to an approval, or that its time is over; carried out or refused. */
export function approvalDraft(event: AnswerEvent | ExpireEvent, answer: Answer): Draft {
  const data: Plain = { approval: bounded(event.approval), at: event.at }
  if (event.kind !== 'expire') {
    data['by'] = bounded(event.by)
    // One more than the kernel hears is enough for a replay to see that there were too many.
    const groups = event.groups.slice(0, groupsMax + 1)
    if (groups.length > 0) data['groups'] = groups.map(bounded)
  }
  data['op'] = event.kind
  if (event.kind !== 'expire') {
    if (event.permits > 0) data['permits'] = event.permits
    if (event.permitsMs > 0) data['permits_ms'] = event.permitsMs
    if (event.reason !== '') data['reason'] = bounded(event.reason)
  }
  if (answer.reasons.length > 0) data['reasons'] = codes(answer.reasons)
  data['verdict'] = answer.verdict
  return { kind: 'approval', actor: {}, data }
}

/** An account that passed a tier on the way up. */
export function alertDraft(
  at: number,
  effect: Answer['effects'][number] & { kind: 'alert' },
): Draft {
  const { budget, dimension, held, limit, posted, scope, tier } = effect
  return {
    kind: 'alert',
    actor: {},
    data: { at, budget, dimension, held, limit, posted, scope, tier },
  }
}

/** An operator's order, or the kernel's own halt, as it was carried out or refused. */
export function orderDraft(
  kind: 'halt' | 'reinstate' | 'grant' | 'revoke',
  members: Plain,
  answer: Answer | null,
): Draft {
  const data: Plain = { ...members }
  if (typeof data['reason'] === 'string') data['reason'] = bounded(data['reason'])
  if (answer !== null) {
    if (answer.reasons.length > 0) data['reasons'] = codes(answer.reasons)
    data['verdict'] = answer.verdict
  }
  return { kind, actor: {}, data: ascending(data) }
}
