/** Random lives with approvals, permits and marks, written as entries and folded again: the same state, or it is told. */
import fc from 'fast-check'
import { test } from 'tap'
import { fold } from '../../gate/fold.ts'
import {
  approvalDraft,
  type DecisionRecord,
  decisionDraft,
  orderDraft,
  previewDraft,
  settlementDraft,
} from '../../gate/record.ts'
import type { Answer } from '../../kernel/answer.ts'
import { canonical } from '../../kernel/canonical.ts'
import { checkState } from '../../kernel/contracts.ts'
import type { Judgement } from '../../kernel/domain.ts'
import type { AdmitEvent, AnswerEvent, ExpireEvent, KernelEvent } from '../../kernel/event.ts'
import type { Classification, Terms } from '../../kernel/policy.ts'
import { restore, snapshot } from '../../kernel/snapshot.ts'
import { emptyState, type State } from '../../kernel/state.ts'
import { step } from '../../kernel/step.ts'
import type { Draft, Entry } from '../../ledger/entry.ts'
import { seed, seedSentence } from '../kernel/seed.ts'
import { ann, budget, hour, minute, rule, scope, start, termsOf } from '../kernel/world.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

const parts = {
  rules: [rule('asks', 'approve')],
  budgets: [budget('b', { requests: 6, tokens: 9 }, { scope: 'agent', period: { kind: 'day' } })],
}
const [one, two] = [termsOf(parts), termsOf({ ...parts, digest: 'sha256:two' })]
const known = (digest: string): Terms | null =>
  digest === one.digest ? one : digest === two.digest ? two : null

type Command =
  | { readonly kind: 'admit' | 'preview'; readonly what: number; readonly lone: boolean }
  | { readonly kind: 'answer'; readonly which: number; readonly by: number; readonly yes: boolean }
  | { readonly kind: 'expire' | 'settle'; readonly which: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'order'; readonly which: number }

const which = fc.nat({ max: 20 })
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constantFrom('admit' as const, 'admit' as const, 'preview' as const),
      what: fc.nat({ max: 3 }),
      lone: fc.boolean(),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      ...{ kind: fc.constant('answer' as const), which, by: fc.nat({ max: 3 }) },
      yes: fc.integer({ min: 0, max: 4 }).map((roll) => roll > 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('expire' as const, 'settle' as const), which }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(1, minute, minute, hour, -hour),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('order' as const), which }) },
)

const people = [
  { by: 'bea', groups: ['risk'] },
  { by: 'cat', groups: ['legal', 'risk'] },
  { by: 'ann', groups: ['risk'] },
  { by: 'dan', groups: [] },
]

/** An admission of one of four actions, two of which are of one class. */
function admission(request: string, at: number, what: number, lone: boolean): AdmitEvent {
  const reason = { code: 'validator-refused', id: 'd/check', message: 'No.' } as const
  const check = { key: `d/${what}`, amount: 1, limit: 2, until: at + minute, reason } as const
  const demand = { verdict: 'approve', reason, need: 2, of: ['risk'] } as const
  const quorums = [lone ? { need: 1, of: [] } : { need: 2, of: ['risk'] }]
  const kind = what < 2 ? 'one' : 'other'
  return {
    ...{ kind: 'admit', at, request, principal: ann, host: 'h.example.com', drafts: [] },
    ...{ rules: [lone ? 'asks' : 'ok'], budgets: ['b'], charge: { tokens: what }, ask: {} },
    ...{ refusals: [], queue: 'open', marks: [{ op: what === 1 ? 'once' : 'add', ...check }] },
    ...(!lone && { demands: [demand] }),
    approval: { digest: String(what).repeat(64), kind, quorums, expiresMs: 5 * minute },
  }
}

function recordOf(event: AdmitEvent, answer: Answer, policy: string): DecisionRecord {
  const { request: id, principal, host } = event
  const wire = { method: 'GET', scheme: 'https', port: 443, path: '/x', query: '', headers: {} }
  const facts = { ...wire, id, principal, host, kind: 'request', content: null } as const
  const classification: Classification = {
    ...{ rules: event.rules, drafts: [], budgets: event.budgets, domain: 'd', action: 'axn_x' },
    ...{ resource: '', charge: {}, context: { n: 1 }, addresses: [], refusals: [] },
    ...{ payload: [], inject: [], upstreamProxy: '', price: null, ask: {}, least: {} },
    tls: 'tunnel',
    decoder: '',
    capability: '',
  }
  const judgement: Judgement = {
    ...{ violations: [], checks: [], charge: {}, marks: [], controls: ['hipaa/1'] },
    riskLevel: 3,
    added: { above: true },
  }
  const rest = { addresses: [], decoder: '', findings: [], mode: 'enforce', policy } as const
  return {
    facts: facts as DecisionRecord['facts'],
    classification,
    event,
    answer,
    judgement,
    ...rest,
  }
}

/** A life with what it leaves in the ledger, and the state after each entry. */
class Life {
  state: State = emptyState
  terms = one
  clock = start
  readonly entries: { readonly draft: Draft; readonly after: string }[] = []
  #requests = 0

  constructor() {
    this.load(one)
  }

  load(terms: Terms): void {
    this.terms = terms
    const event = { kind: 'load', at: this.clock, digest: terms.digest } as const
    const { verdict } = this.take(event)
    const data = { at: event.at, digest: event.digest, verdict }
    this.write({ kind: 'policy.load', actor: {}, data })
  }

  take(event: KernelEvent): Answer {
    const answer = step(this.state, event, this.terms)
    checkState(answer.state, this.terms)
    this.state = answer.state
    return answer
  }

  write(draft: Draft): void {
    this.entries.push({ draft, after: snapshot(this.state) })
  }

  admit({ kind, what, lone }: Extract<Command, { kind: 'admit' | 'preview' }>): void {
    this.#requests += 1
    const at = Math.max(this.state.now, this.clock)
    const event = admission(`q${this.#requests}`, at, what, lone)
    const answer = kind === 'admit' ? this.take(event) : step(this.state, event, this.terms)
    const record = recordOf(event, answer, this.terms.digest)
    this.write(kind === 'admit' ? decisionDraft(record) : previewDraft(record))
  }

  answer(event: AnswerEvent | ExpireEvent): void {
    this.write(approvalDraft(event, this.take(event)))
  }

  live(each: Command): void {
    const at = Math.max(this.state.now, this.clock)
    const ids = [...this.state.approvals.values()].map(({ id }) => id).sort()
    const pick = 'which' in each ? (ids[each.which % Math.max(1, ids.length)] ?? 'gone') : 'gone'
    if (each.kind === 'wait') this.clock += each.ms
    else if ('lone' in each) this.admit(each)
    else if (each.kind === 'expire') this.answer({ kind: 'expire', at, approval: pick })
    else if (each.kind === 'answer') {
      const person = people[each.by] ?? { by: 'dan', groups: [] }
      const permits = { permits: each.which % 3, permitsMs: hour }
      const said = { at, approval: pick, reason: each.yes ? '' : 'No.', ...person, ...permits }
      this.answer({ kind: each.yes ? 'approve' : 'deny', ...said })
    } else if (each.kind === 'settle') this.settle(each.which)
    else this.order(each.which, at)
  }

  settle(index: number): void {
    const holds = this.state.holds.sorted()
    const request = holds[index % Math.max(1, holds.length)]?.[0]
    if (request === undefined) return
    const at = Math.max(this.state.now, this.clock)
    this.take({ kind: 'settle', at, request, outcome: 'forfeited', actual: {} })
    const settlement = { outcome: 'forfeited', actual: {}, status: 200, cut: '' } as const
    this.write(settlementDraft({}, { request, at, durationMs: 1, source: 'proxy', settlement }))
  }

  order(index: number, at: number): void {
    if (index % 2 === 0) {
      this.load(this.terms === one ? two : one)
      return
    }
    const agent = scope('agent:ann')
    const isHalted = this.state.scopes.get(agent)?.mode === 'halted'
    const kind = isHalted ? 'reinstate' : 'halt'
    const answer = this.take(
      isHalted
        ? { kind: 'reinstate', at, scope: agent }
        : { kind: 'halt', at, scope: agent, cause: 'operator' },
    )
    this.write(
      orderDraft(kind, { at, by: 'operator', cause: 'operator', reason: '', scope: agent }, answer),
    )
  }
}

/** An entry as a reader of the ledger has it. */
function read(
  { kind, actor, data }: Draft,
  change: (data: object) => object = (same) => same,
): Entry {
  const parsed = JSON.parse(JSON.stringify({ actor, data }))
  const envelope = { v: 1, ts: '', prev: '', boot: '', seq: 0, hash: '' } as const
  return { ...envelope, kind, actor: parsed.actor, data: change(parsed.data) as Entry['data'] }
}

test('a random life folds to the same state entry by entry, and its snapshots restore', async (t) => {
  const seen = new Map<string, number>()
  const property = fc.property(fc.array(command, { maxLength: 80, size: 'max' }), (commands) => {
    const life = new Life()
    for (const each of commands) life.live(each)
    let state = emptyState
    for (const { draft, after } of life.entries) {
      const text = JSON.stringify(draft.data)
      if (text !== canonical(JSON.parse(text))) throw new Error(`not canonical: ${text}`)
      const before = state
      const folded = fold(state, read(draft), known)
      if (folded.mismatch !== null) throw new Error(`${folded.mismatch}: ${text}`)
      state = folded.state
      if (snapshot(state) !== after) throw new Error(`another state: ${text}`)
      if (draft.kind === 'preview' && state !== before) throw new Error('a preview moved the state')
      const { verdict = '', approval_id: id = '' } = draft.data as {
        verdict?: string
        approval_id?: string
      }
      const what = `${draft.kind} ${verdict}${id === '' ? '' : ' by people'}`
      seen.set(what, (seen.get(what) ?? 0) + 1)
    }
    if (snapshot(restore(snapshot(state))) !== snapshot(state)) throw new Error('another snapshot')
  })
  fc.assert(property, { seed, numRuns: 70 })
  const all = [
    'decision allow by people',
    'decision allow',
    'approval allow',
    'approval deny',
    'preview approve by people',
  ]
  for (const what of all) t.ok((seen.get(what) ?? 0) > 3, `${what}: ${seen.get(what)}`)
})

/** A life in which two people said yes and the request passed. */
function approved(): Life {
  const life = new Life()
  life.admit({ kind: 'admit', what: 2, lone: false })
  const yes = {
    kind: 'approve',
    at: start,
    approval: 'q1',
    reason: '',
    permits: 1,
    permitsMs: 5,
  } as const
  life.answer({ ...yes, by: 'bea', groups: ['risk'] })
  life.answer({ ...yes, by: 'cat', groups: ['risk'] })
  life.admit({ kind: 'admit', what: 2, lone: false })
  return life
}

type Data = Readonly<Record<string, unknown>>
const tampered: readonly (readonly [string, number, (data: Data) => Data, RegExp])[] = [
  ['nothing', 0, (data) => data, /^$/],
  [
    'an approval of another name',
    4,
    (data) => ({ ...data, approval_id: 'q9' }),
    /the approval recorded is "q9", and "q1" follows/,
  ],
  ['an approval left out', 4, ({ approval_id: _, ...data }) => data, /recorded is "", and "q1"/],
  [
    'a pass that nobody approved',
    1,
    (data) => ({ ...data, verdict: 'allow' }),
    /is allow, and approve follows/,
  ],
  ['a yes of the requester', 3, (data) => ({ ...data, by: 'ann' }), /is allow, and deny follows/],
  ['the same yes twice', 3, (data) => ({ ...data, by: 'bea' }), /is allow, and deny follows/],
  ['a no told as a yes', 3, (data) => ({ ...data, op: 'deny' }), /is allow, and deny follows/],
  [
    'a yes that came late',
    3,
    (data) => ({ ...data, at: start + hour }),
    /is allow, and deny follows/,
  ],
  ['an answer of no kind', 3, (data) => ({ ...data, op: 'maybe' }), /an answer is a yes or a no/],
  [
    'another action',
    4,
    (data) => ({ ...data, approval: { ...(data['approval'] as Data), digest: 'x' } }),
    /follow/,
  ],
  ['a demand left out', 1, ({ demands: _, ...data }) => data, /is approve, and allow follows/],
  [
    'a mark of no operation',
    1,
    (data) => ({ ...data, marks: [{ key: 'd/x' }] }),
    /a mark has an operation/,
  ],
]
for (const [name, index, change, expected] of tampered) {
  test(`a ledger that tells of ${name} is found out`, async (t) => {
    let state = emptyState
    const said: string[] = []
    for (const [at, { draft }] of approved().entries.entries()) {
      try {
        const entry = read(draft, at === index ? (data) => change(data as Data) : undefined)
        const folded = fold(state, entry, known)
        state = folded.state
        if (folded.mismatch !== null) said.push(folded.mismatch)
      } catch (error) {
        said.push(String(error))
      }
    }
    t.match(said.join('; '), expected)
  })
}
