/** Deliberately broken approvals, permits and marks: the check of the approval world must catch them all. */
import type { Answer } from '../../../kernel/answer.ts'
import type { Approval } from '../../../kernel/approval.ts'
import type { KernelEvent } from '../../../kernel/event.ts'
import type { Purse, State } from '../../../kernel/state.ts'
import type { Step } from './states.ts'
import { wrap } from './variants.ts'

type Go = (state: State, event: KernelEvent) => Answer

/** An answer with its state changed. */
const changed = (answer: Answer, change: (state: State) => Partial<State>): Answer => ({
  ...answer,
  state: { ...answer.state, ...change(answer.state) },
})

/** The purses with what some approvals hold given back. */
function released(state: State, approvals: readonly Approval[]): State['purses'] {
  let { purses } = state
  for (const { key, lines } of approvals.flatMap((each) =>
    each.lines.map((line) => ({ key: line.purse, lines: line.amounts })),
  )) {
    const purse = purses.get(key) as Purse
    const accounts = purse.accounts.map((account, index) => ({
      ...account,
      held: account.held - (lines[index] ?? 0),
    }))
    purses = purses.set(key, { ...purse, accounts })
  }
  return purses
}

const holdsNothing = wrap('admit', (state, event, go) => {
  const answer = go(state, event)
  const { approval } = answer
  if (approval?.state !== 'pending' || approval.id !== event.request) return answer
  return changed(answer, (after) => ({
    purses: released(after, [approval]),
    approvals: after.approvals.set(approval.digest, { ...approval, lines: [] }),
  }))
})

const keepsHolding = wrap('deny', (state, event, go) => {
  const answer = go(state, event)
  const before = [...state.approvals.values()].find(({ id }) => id === event.approval)
  if (answer.verdict !== 'allow' || before === undefined) return answer
  return changed(answer, () => ({ purses: state.purses }))
})

const usedTwice = wrap('admit', (state, event, go) => {
  const answer = go(state, event)
  const { approval, hold } = answer
  if (approval === null || hold === null) return answer
  const again = { ...approval, lines: [] }
  return changed(answer, (after) => ({ approvals: after.approvals.set(approval.digest, again) }))
})

/** Takes an event as if it came when it was asked. */
const inTime = (state: State, event: KernelEvent, go: Go): Answer => {
  const answer = go({ ...state, now: 0 }, { ...event, at: 0 })
  return changed(answer, () => ({ now: Math.max(state.now, event.at) }))
}

const saysYesTwice = wrap('approve', (state, event, go) => {
  const approval = [...state.approvals.values()].find(({ id }) => id === event.approval)
  const said = approval?.yes.some(({ by }) => by === event.by)
  return go(state, said ? { ...event, by: `${event.by}2` } : event)
})

const outlives = (kind: 'halt' | 'load'): Step =>
  wrap(kind, (state, event, go) => {
    const { approvals, permits, purses } = state
    return changed(go(state, event), () => ({ approvals, permits, purses }))
  })

const permitsOutlive = (kind: 'halt' | 'load'): Step =>
  wrap(kind, (state, event, go) => {
    const incarnate = [...state.permits.values()].map((each) => ({
      ...each,
      incarnations: [],
      path: [],
    }))
    let { permits } = state
    for (const each of incarnate) permits = permits.set(`${each.agent} ${each.kind}`, each)
    return changed(go(state, event), () => ({ permits }))
  })

const eager = wrap('admit', (state, event, go) => {
  const { approval } = event
  if (approval === undefined) return go(state, event)
  const quorums = approval.quorums.map((each) => ({ ...each, need: 1 }))
  return go(state, { ...event, approval: { ...approval, quorums } })
})

const marksRefused = wrap('admit', (state, event, go) => {
  const answer = go(state, event)
  if (answer.hold !== null || event.marks === undefined) return answer
  let { marks } = answer.state
  for (const { key, amount, until } of event.marks) marks = marks.set(key, { key, amount, until })
  return changed(answer, () => ({ marks }))
})

const addsNothing = wrap('admit', (state, event, go) => {
  const marks = event.marks?.map((each) =>
    each.op === 'add' ? { ...each, op: 'raise' as const } : each,
  )
  const answer = go(state, event)
  if (marks === undefined || answer.hold === null) return answer
  return changed(answer, () => ({ marks: go(state, { ...event, marks }).state.marks }))
})

/** Broken kernels by name, for each size of the world the ones that it shows. */
export const approvalVariants: readonly Readonly<Record<string, Step>>[] = [
  {
    'a pending approval holds nothing': holdsNothing,
    'a denied approval keeps what it holds': keepsHolding,
    'an approval is used twice': usedTwice,
    'a yes counts after its time': wrap('approve', inTime),
    'an agent approves its own request': wrap('approve', (state, event, go) =>
      go(state, event.by === 'ann' ? { ...event, by: 'eve' } : event),
    ),
    'one person says yes twice': saysYesTwice,
    'whoever is in no group says yes': wrap('approve', (state, event, go) =>
      go(state, { ...event, groups: ['risk'] }),
    ),
    'one yes is enough for a quorum of two': eager,
    'an approval of one action lets another pass': wrap('admit', (state, event, go) => {
      const { approval } = event
      return go(state, approval ? { ...event, approval: { ...approval, digest: 'a' } } : event)
    }),
    'it expires before its time': wrap('expire', (state, event, go) => {
      const answer = go({ ...state, now: 50 }, { ...event, at: 50 })
      return changed(answer, () => ({ now: state.now }))
    }),
  },
  {
    'what was approved is used after its time': wrap('admit', (state, event, go) => {
      const approved = [...state.approvals.values()].some((each) => each.state === 'approved')
      return approved ? inTime(state, event, go) : go(state, event)
    }),
    'an approval outlives a halt': outlives('halt'),
    'an approval outlives a reload': outlives('load'),
    'a permit outlives a halt': permitsOutlive('halt'),
    'a permit outlives a reload': permitsOutlive('load'),
    'a permit is not counted down': wrap('admit', (state, event, go) => {
      const answer = go(state, event)
      return answer.hold === null ? answer : changed(answer, () => ({ permits: state.permits }))
    }),
    'a permit outlives its time': wrap('admit', (state, event, go) =>
      state.permits.size > 0 ? inTime(state, event, go) : go(state, event),
    ),
    'silence is a yes': wrap('expire', (state, event, go) => {
      const answer = go(state, event)
      const { approval } = answer
      if (answer.verdict !== 'allow' || approval === null) return answer
      const yes = ['bea', 'cat'].map((by) => ({ by, groups: ['risk'], permits: 0, permitsMs: 0 }))
      const approved: Approval = { ...approval, state: 'approved', yes, expiresAt: 100 }
      return changed(answer, (after) => ({
        approvals: after.approvals.set(approval.digest, approved),
      }))
    }),
  },
  {
    'a refusal marks': marksRefused,
    'an admission does not mark': wrap('admit', (state, event, go) => {
      const answer = go(state, event)
      return changed(answer, () => ({ marks: state.marks }))
    }),
    'a sum does not add': addsNothing,
  },
]
