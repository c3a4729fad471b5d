/**
 * A small world around the real `step`: two actions that two people must approve, one that a domain remembers, a
 * clock, a halt with its reinstatement, and another policy. What people said is written down a second time, beside
 * the kernel, and every admission is held against it.
 */
import type { Answer } from '../../../kernel/answer.ts'
import type { AdmitEvent, KernelEvent } from '../../../kernel/event.ts'
import { emptyState, type State } from '../../../kernel/state.ts'
import { step } from '../../../kernel/step.ts'
import { ann, budget, rule, scope, termsOf } from '../world.ts'
import type { Model, Move } from './explore.ts'
import { States, type Step } from './states.ts'

const [tokensMax, expiresMs, permitsMs] = [4, 2, 2]
const [sumMax, sumStep] = [5, 2]
const quorum = { need: 2, of: ['legal', 'risk'] }

export const approvalTerms = termsOf({
  rules: [rule('asks', 'approve')],
  budgets: [budget('b', { tokens: tokensMax }, { scope: 'agent', period: { kind: 'lifetime' } })],
})

/** How much of everything there is: all of it at once is more than a test can walk through. */
export interface ApprovalSize {
  /** Number of actions that want a yes. */
  readonly asking: number
  readonly remembers: boolean
  readonly admissions: number
  readonly lastTick: number
  readonly permits: number
  /** Whether there are halts, and another policy. */
  readonly orders: boolean
}

const whole = { remembers: false, permits: 0, orders: true } as const

export const approvalSizes: readonly ApprovalSize[] = [
  { ...whole, asking: 2, admissions: 3, lastTick: 2, orders: false },
  { ...whole, asking: 1, admissions: 4, lastTick: 2, permits: 1 },
  { ...whole, asking: 0, admissions: 4, lastTick: 3, remembers: true },
]

/** Who may say something, and what: the requester is in a group too. */
const people = [
  { by: 'bea', groups: ['risk'] },
  { by: 'cat', groups: ['legal'] },
  { by: 'dan', groups: ['sales'] },
  { by: 'ann', groups: ['risk'] },
]

/** What people were asked about an action, as whoever watches them knows it. */
interface Question {
  readonly id: string
  readonly until: number
  readonly yes: readonly string[]
}

export interface ApprovalWorld {
  readonly state: State
  readonly clock: number
  readonly admissions: number
  /** By action: what waits, or has its yes; null where nothing does. */
  readonly asked: readonly (Question | null)[]
  readonly permit: { readonly left: number; readonly until: number }
  readonly posted: number
  /** When the remembered action was last admitted, and how often in all. */
  readonly lastAt: number
  readonly remembered: number
  readonly reinstated: number
  readonly loads: number
}

/** A move with what the kernel said to it. */
interface Told extends Move<ApprovalWorld> {
  readonly broken: string | null
}

const actions = ['a', 'b'] as const

function admission(world: ApprovalWorld, action: string): AdmitEvent {
  const at = world.clock
  const base = { host: 'h', principal: ann, drafts: [], budgets: ['b'] } as const
  const rest = { ask: {}, refusals: [], queue: 'open' } as const
  const event = { kind: 'admit', at, request: `q${world.admissions}`, ...base, ...rest } as const
  if (action !== 'c') {
    const approval = { digest: action, kind: 'k', quorums: [quorum], expiresMs }
    return { ...event, rules: ['asks'], charge: { tokens: 2 }, approval }
  }
  const reason = { code: 'validator-refused', id: 'd/once', message: 'No.' } as const
  const once = { op: 'once', key: 'd/c', amount: 0, limit: 0, until: at + 1, reason } as const
  const add = { key: 'd/sum', amount: sumStep, limit: sumMax, until: 100, reason } as const
  return { ...event, rules: ['ok'], charge: { tokens: 1 }, marks: [once, { op: 'add', ...add }] }
}

const isMet = (question: Question | null, clock: number): boolean =>
  question !== null && question.until > clock && question.yes.length >= quorum.need

/** Why an admission of an action that wants a yes is not justified; null where it is. */
function unjustified(world: ApprovalWorld, index: number): string | null {
  if (isMet(world.asked[index] ?? null, world.clock)) return null
  const { left, until } = world.permit
  return left > 0 && until > world.clock ? null : `${actions[index]} passed without people's yes`
}

const at = <T>(list: readonly T[], index: number, value: T): readonly T[] =>
  list.map((each, place) => (place === index ? value : each))

type Take = States['take']

/** Settles at once what was admitted. */
function settled(take: Take, world: ApprovalWorld, answer: Answer): State {
  const { hold } = answer
  if (hold === null) return answer.state
  const event = { kind: 'settle', at: world.clock, request: hold.request } as const
  return take(answer.state, { ...event, outcome: 'settled', actual: {} }).state
}

function tryAction(take: Take, world: ApprovalWorld, index: number): Told[] {
  const answer = take(world.state, admission(world, actions[index] ?? ''))
  const label = `send ${actions[index]}`
  const admissions = world.admissions + 1
  const state = settled(take, world, answer)
  const next = { ...world, state, admissions }
  if (answer.hold !== null) {
    const broken = unjustified(world, index)
    const used = isMet(world.asked[index] ?? null, world.clock)
    const left = used ? world.permit.left : world.permit.left - 1
    const asked = used ? at(world.asked, index, null) : world.asked
    const after = { ...next, asked, permit: { ...world.permit, left }, posted: world.posted + 2 }
    return [{ label, world: after, broken }]
  }
  const asks = answer.effects.some((effect) => 'approval' in effect && effect.state === 'pending')
  const expired = answer.reasons.some(({ code }) => code === 'approval-expired')
  if (expired)
    return [{ label, world: { ...next, asked: at(world.asked, index, null) }, broken: null }]
  if (!asks) return []
  const id = answer.approval?.id ?? ''
  const question = { id, until: world.clock + expiresMs, yes: [] }
  return [{ label, world: { ...next, asked: at(world.asked, index, question) }, broken: null }]
}

function tryRemembered(take: Take, world: ApprovalWorld): Told[] {
  const answer = take(world.state, admission(world, 'c'))
  const admissions = world.admissions + 1
  const state = settled(take, world, answer)
  const isOver = world.lastAt < world.clock
  const fits = (world.remembered + 1) * sumStep <= sumMax
  if (answer.hold === null) {
    const refused = answer.reasons.some(({ code }) => code === 'validator-refused')
    const broken = refused && isOver && fits ? 'refused by what it was never admitted for' : null
    return [{ label: 'send c', world: { ...world, state, admissions }, broken }]
  }
  const remembered = world.remembered + 1
  const posted = world.posted + 1
  const after = { ...world, state, admissions, remembered, posted, lastAt: world.clock }
  if (!isOver) return [{ label: 'send c', world: after, broken: 'c passed twice in its time' }]
  return [{ label: 'send c', world: after, broken: fits ? null : 'the sum of c is over its limit' }]
}

function answers(take: Take, world: ApprovalWorld, on: { index: number; permits: number }): Told[] {
  const { index, permits } = on
  const question = world.asked[index] ?? null
  // Also what is over: a late answer must be refused.
  const id =
    question?.id ??
    [...world.state.approvals.values()].find(({ digest }) => digest === actions[index])?.id
  if (id === undefined) return []
  const told: Told[] = []
  const event = { at: world.clock, approval: id, reason: '' }
  for (const { by, groups } of people) {
    const yes: KernelEvent = { kind: 'approve', ...event, by, groups, permits, permitsMs }
    const answer = take(world.state, yes)
    if (answer.verdict !== 'allow') continue
    const label = `${by} says yes to ${actions[index]}`
    const said = [...(question?.yes ?? []), by].sort()
    const after = {
      ...world,
      state: answer.state,
      asked: at(world.asked, index, question && { ...question, yes: said }),
    }
    const isLate = question === null || question.until <= world.clock
    const wrong = by === 'ann' || by === 'dan' || question?.yes.includes(by) === true || isLate
    const isLast = said.length === quorum.need
    const given = isLast && permits > 0
    const permit = given ? { left: permits, until: world.clock + permitsMs } : world.permit
    told.push({ label, world: { ...after, permit }, broken: wrong ? `${by} may not answer` : null })
  }
  const no: KernelEvent = {
    kind: 'deny',
    ...event,
    by: 'bea',
    groups: ['risk'],
    permits: 0,
    permitsMs: 0,
  }
  const { verdict, state } = take(world.state, no)
  const after = { ...world, state, asked: at(world.asked, index, null) }
  if (verdict === 'allow')
    told.push({ label: `bea says no to ${actions[index]}`, world: after, broken: null })
  const expiry = take(world.state, { kind: 'expire', at: world.clock, approval: id })
  if (expiry.verdict !== 'allow') return told
  const early =
    question !== null && question.until > world.clock ? 'it expired before its time' : null
  const gone = { ...world, state: expiry.state, asked: at(world.asked, index, null) }
  return [...told, { label: `${actions[index]} expires`, world: gone, broken: early }]
}

function operators(take: Take, world: ApprovalWorld): Told[] {
  const told: Told[] = []
  const agent = scope('agent:ann')
  const nothing = { asked: [null, null], permit: { left: 0, until: 0 } }
  const halted = world.state.scopes.get(agent)?.mode === 'halted'
  const put = (label: string, event: KernelEvent, more: Partial<ApprovalWorld>): void => {
    const { state, verdict } = take(world.state, event)
    if (verdict === 'allow') told.push({ label, world: { ...world, state, ...more }, broken: null })
  }
  const { clock } = world
  if (!halted && world.reinstated === 0) {
    put('halt', { kind: 'halt', at: clock, scope: agent, cause: 'operator' }, nothing)
  }
  if (halted) put('reinstate', { kind: 'reinstate', at: clock, scope: agent }, { reinstated: 1 })
  put('restart', { kind: 'recover', at: clock }, {})
  return told
}

interface Search {
  readonly take: Take
  readonly reload: Take
  readonly size: ApprovalSize
}

function next({ take, reload, size }: Search, world: ApprovalWorld): readonly Told[] {
  const told: Told[] = []
  const { clock, admissions } = world
  if (clock < size.lastTick)
    told.push({ label: 'tick', world: { ...world, clock: clock + 1 }, broken: null })
  for (let index = 0; index < size.asking; index += 1) {
    if (admissions < size.admissions) told.push(...tryAction(take, world, index))
    told.push(...answers(take, world, { index, permits: size.permits }))
  }
  if (size.remembers && admissions < size.admissions) told.push(...tryRemembered(take, world))
  if (size.orders) told.push(...operators(take, world))
  if (size.orders && world.loads === 0) {
    const other: KernelEvent = { kind: 'load', at: clock, digest: 'sha256:two' }
    const back: KernelEvent = { kind: 'load', at: clock, digest: approvalTerms.digest }
    const state = take(reload(world.state, other).state, back).state
    const lost = { asked: [null, null], permit: { left: 0, until: 0 } }
    told.push({
      label: 'another policy and back',
      world: { ...world, ...lost, state, loads: 1 },
      broken: null,
    })
  }
  return told
}

/** What is held and posted, as whoever watches counts it. */
function books({ state, asked, posted }: ApprovalWorld): string | null {
  const account = state.purses.get('agent:ann lifetime b')?.accounts[0]
  const held = asked.filter((question) => question !== null).length * 2
  const booked = { held: account?.held ?? 0, posted: account?.posted ?? 0 }
  if (booked.held !== held) return `${booked.held} is held, not ${held} (I2)`
  if (booked.posted !== posted) return `${booked.posted} is posted, not ${posted} (I2)`
  return posted + held > tokensMax ? 'a yes overspends (I3)' : null
}

/** The world of one size under these rules, to be explored. */
export function approvalModel(rules: Step, size: ApprovalSize): Model<ApprovalWorld> {
  const load: KernelEvent = { kind: 'load', at: 0, digest: approvalTerms.digest }
  const { state } = step(emptyState, load, approvalTerms)
  const states = new States(rules, approvalTerms)
  const others = new States(rules, { ...approvalTerms, digest: 'sha256:two' })
  states.intern(state)
  const initial: ApprovalWorld = {
    ...{ state, clock: 0, admissions: 0, asked: [null, null], permit: { left: 0, until: 0 } },
    ...{ posted: 0, lastAt: -1, remembered: 0, reinstated: 0, loads: 0 },
  }
  return {
    initial,
    next: (world) => next({ take: states.take, reload: others.take, size }, world),
    bad: (_before, move) => (move as Told).broken ?? books(move.world),
    keyOf: ({ state: each, ...rest }) => `${states.numberOf(each)} ${JSON.stringify(rest)}`,
  }
}
