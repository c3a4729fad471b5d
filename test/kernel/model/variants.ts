/** Deliberately broken kernels and worlds, each a fault that some real system has had: the check must catch all. */
import { useOf } from '../../../kernel/account.ts'
import type { Answer } from '../../../kernel/answer.ts'
import type { KernelEvent } from '../../../kernel/event.ts'
import type { Account, Purse, State } from '../../../kernel/state.ts'
import { step } from '../../../kernel/step.ts'
import { Table } from '../../../kernel/table.ts'
import type { Rules } from './ledger-world.ts'
import type { Step } from './states.ts'

/** Every account of every purse, changed. */
function withAccounts(state: State, change: (account: Account, purse: Purse) => Account): State {
  let { purses } = state
  for (const [key, purse] of purses) {
    const accounts = purse.accounts.map((account) => change(account, purse))
    purses = purses.set(key, { ...purse, accounts })
  }
  return { ...state, purses }
}

/** The real step, with what one kind of event is given or leaves changed. */
export function wrap<K extends KernelEvent['kind']>(
  kind: K,
  take: (
    state: State,
    event: KernelEvent & { readonly kind: K },
    go: (state: State, event: KernelEvent) => Answer,
  ) => Answer,
): Step {
  return (state, event, terms) => {
    if (event.kind !== kind) return step(state, event, terms)
    const go = (each: State, next: KernelEvent): Answer => step(each, next, terms)
    return take(state, event as KernelEvent & { readonly kind: K }, go)
  }
}

/** Judges as if nothing were halted, and keeps the halts. */
function blind(
  state: State,
  event: KernelEvent,
  go: (state: State, event: KernelEvent) => Answer,
): Answer {
  const answer = go({ ...state, scopes: Table.empty(), runs: Table.empty() }, event)
  return { ...answer, state: { ...answer.state, scopes: state.scopes, runs: state.runs } }
}

const checkThenAct = wrap('admit', (state, event, go) => {
  const answer = go(state, event)
  const { hold } = answer
  if (hold === null) return answer
  const lines = hold.lines.map((line) => ({ ...line, amounts: line.amounts.map(() => 0) }))
  const holds = answer.state.holds.set(hold.request, { ...hold, lines })
  const purses = withAccounts(answer.state, (account, { key }) => {
    const before = state.purses.get(key)?.accounts[0]
    return { ...account, held: before?.held ?? 0 }
  }).purses
  return { ...answer, state: { ...answer.state, holds, purses } }
})

const partialAdmit = wrap('admit', (state, event, go) => {
  const answer = go(state, event)
  const { hold } = answer
  const last = hold?.lines.at(-1)
  if (hold === null || last === undefined) return answer
  const holds = answer.state.holds.set(hold.request, { ...hold, lines: hold.lines.slice(0, -1) })
  const purses = withAccounts(answer.state, (account, { key }) => {
    return key === last.purse
      ? { ...account, held: account.held - (last.amounts[0] ?? 0) }
      : account
  }).purses
  return { ...answer, state: { ...answer.state, holds, purses } }
})

const cappedSettle = wrap('settle', (state, event, go) => {
  const held = state.holds.get(event.request)?.vector['tokens'] ?? 0
  return go(state, { ...event, actual: { tokens: Math.min(held, event.actual['tokens'] ?? held) } })
})

const expiryRefunds = wrap('settle', (state, event, go) => {
  if (event.outcome !== 'forfeited') return go(state, event)
  return go(state, { ...event, outcome: 'settled', actual: { tokens: 0 } })
})

const doubleSettle = wrap('settle', (state, event, go) => {
  if (state.holds.has(event.request)) return go(state, event)
  const posted = withAccounts(state, (account) => ({
    ...account,
    posted: account.posted + 1,
    overrun: account.overrun + 1,
  }))
  return { ...go(state, event), verdict: 'allow', state: posted }
})

const settleLeavesHold = wrap('settle', (state, event, go) => {
  const hold = state.holds.get(event.request)
  const answer = go(state, event)
  if (hold === undefined) return answer
  return {
    ...answer,
    state: { ...answer.state, holds: answer.state.holds.set(event.request, hold) },
  }
})

const haltedSettlesNothing = wrap('settle', (state, event, go) => {
  const halted = [...state.scopes.values()].some(({ mode }) => mode === 'halted')
  if (!halted || event.outcome === 'voided') return go(state, event)
  return go(state, { ...event, outcome: 'settled', actual: { tokens: 0 } })
})

const staleIncarnation = wrap('dispatch', (state, event, go) => {
  const hold = state.holds.get(event.request)
  if (hold === undefined) return go(state, event)
  const incarnations = hold.path.map((scope) => state.scopes.get(scope)?.incarnation ?? 0)
  return go({ ...state, holds: state.holds.set(event.request, { ...hold, incarnations }) }, event)
})

const freshPurse = wrap('reinstate', (state, event, go) => {
  const answer = go(state, event)
  if (answer.verdict !== 'allow') return answer
  const fresh = withAccounts(answer.state, (account) => ({ ...account, posted: 0, overrun: 0 }))
  return { ...answer, state: fresh }
})

const runsComeBack = wrap('reinstate', (state, event, go) => {
  const answer = go(state, event)
  let { scopes } = answer.state
  for (const [key, known] of scopes) {
    if (answer.verdict === 'allow')
      scopes = scopes.set(key, { ...known, mode: 'running', cause: null })
  }
  return { ...answer, state: { ...answer.state, scopes } }
})

const settleRaisesLimit = wrap('settle', (state, event, go) => {
  const answer = go(state, event)
  const raised = withAccounts(answer.state, (account) => {
    const short = useOf(account) + account.held - account.granted + account.revoked
    return short > 0 ? { ...account, granted: account.granted + short } : account
  })
  return { ...answer, state: raised }
})

export interface Variant extends Partial<Rules> {
  /** Index of the size that is large enough to show it; 0 unless it needs a reinstatement. */
  readonly size?: number
}

/** Broken ledger worlds by name. */
export const ledgerVariants: Readonly<Record<string, Variant>> = {
  'check then act: the admission reserves nothing': { step: checkThenAct },
  'partial admit: one of two purses is not charged': { step: partialAdmit },
  'capped settle: more than held is not posted': { step: cappedSettle },
  'expiry refunds: an unknown outcome is given back': { step: expiryRefunds },
  'double settle: a second settlement is posted again': { step: doubleSettle },
  'a settlement leaves its hold open': { step: settleLeavesHold },
  'a halted scope settles nothing': { step: haltedSettlesNothing },
  'dispatch ignores a halt': { step: wrap('dispatch', blind) },
  'dispatch ignores that the incarnation moved': { step: staleIncarnation, size: 1 },
  'grant while halted': { step: wrap('grant', blind) },
  'reinstatement opens a fresh purse': { step: freshPurse, size: 1 },
  'reinstatement brings halted runs back': { step: runsComeBack, size: 2 },
  'a settlement raises the limit to fit': { step: settleRaisesLimit },
  'crash releases dispatched holds': { recovers: 'voided' },
  'dispatch before the admission is durable': { dispatchesUndurable: true },
  'halt acknowledged before it is durable': { acknowledgesUndurable: true },
  'halt forgotten by replay': { replayForgetsHalts: true },
}

/** What was posted leaves the window wherever `when` says so. */
function emptied(state: State): State {
  return withAccounts(state, (account) => ({ ...account, expired: account.posted, refills: [] }))
}

const length = 3

/** Broken windows by name. */
export const windowVariants: Readonly<Record<string, Step>> = {
  'window double burst: a fixed window begins anew': (state, event, terms) => {
    const anew = Math.floor(event.at / length) > Math.floor(state.now / length)
    return step(anew ? emptied(state) : state, event, terms)
  },
  'a settlement refills the window at once': wrap('settle', (state, event, go) => {
    const answer = go(state, event)
    return { ...answer, state: emptied(answer.state) }
  }),
  'bytes leave the window from the admission on': wrap('settle', (state, event, go) => {
    const answer = go(state, event)
    const admitted = state.holds.get(event.request)?.admittedAt ?? 0
    const early = withAccounts(answer.state, (account) => {
      const refills = account.refills.map((each) => ({
        ...each,
        at: Math.min(each.at, admitted + length),
      }))
      return refills.length > 1 ? account : { ...account, refills }
    })
    return { ...answer, state: early }
  }),
  'the clock runs back, and forward again': (state, event, terms) => {
    const behind = event.at < state.now
    const now = behind ? event.at : state.now
    return step(behind ? emptied({ ...state, now }) : state, event, terms)
  },
}
