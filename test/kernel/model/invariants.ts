/** What must be true of every step of the ledger world: the kernel's books against what upstream really consumed. */
import { limitOf, useOf } from '../../../kernel/account.ts'
import type { Account } from '../../../kernel/state.ts'
import type { Move } from './explore.ts'
import { halting, type LedgerWorld, pathOf, requests } from './ledger.ts'

/** Sums over the requests of a scope. */
function sum(scope: string, amountOf: (index: number) => number): number {
  return requests.reduce(
    (all, _, index) => all + (pathOf(index).some((each) => each === scope) ? amountOf(index) : 0),
    0,
  )
}

const tokensOf = (index: number): number => requests[index]?.tokens ?? 0
const keys = ['agent:ann lifetime agent', 'run:ann/r1 run run', 'run:ann/r2 run run']

/** The account of one purse, and the scope that it counts; null where it is not open. */
function accountOf(world: LedgerWorld, key: string): { account: Account; scope: string } | null {
  const purse = world.live.state.purses.get(key)
  const account = purse?.accounts[0]
  return purse && account ? { account, scope: purse.scope } : null
}

function booksOf(world: LedgerWorld, key: string): string | null {
  const found = accountOf(world, key)
  if (found === null) return null
  const { account, scope } = found
  const { fates } = world.live
  const consumed = (index: number): number => Math.max(0, world.consumed[index] ?? 0)
  const over = sum(scope, (index) => Math.max(0, consumed(index) - tokensOf(index)))
  const open = sum(scope, (index) => (fates[index] === 'open' ? tokensOf(index) : 0))
  if (account.held !== open) return `${key} holds ${account.held} and ${open} is open (I2)`
  if (useOf(account) + account.held > limitOf(account) + over)
    return `${key} is over its limit (I3)`
  if (sum(scope, consumed) > limitOf(account) + over) return `upstream gave more than ${key} (I3)`
  const owed = sum(scope, (index) => {
    if (fates[index] === 'settled') return consumed(index)
    return fates[index] === 'open' ? 0 : Math.min(consumed(index), tokensOf(index))
  })
  if (account.posted < owed) return `${key} posted ${account.posted} of ${owed} consumed (I4)`
  const most = sum(scope, (index) => Math.max(consumed(index), tokensOf(index)))
  return account.posted > most ? `${key} posted ${account.posted}, twice something (I2)` : null
}

function haltsOf(before: LedgerWorld, { label, world }: Move<LedgerWorld>): string | null {
  for (const told of world.acknowledged) {
    const [scope = '', incarnation] = told.split('@')
    const known = world.live.state.scopes.get(scope)
    const back = (known?.incarnation ?? 0) > Number(incarnation) && scope.startsWith('agent:')
    if (known?.mode !== 'halted' && !back) return `the acknowledged halt ${told} is lost (I8)`
  }
  const left = requests.findIndex((_, index) => {
    return (before.consumed[index] ?? 0) < 0 && (world.consumed[index] ?? 0) >= 0
  })
  if (left < 0) return null
  const halted = halting.some((scope) => {
    const known = before.live.state.scopes.get(scope)
    return known?.mode === 'halted' && pathOf(left).includes(scope)
  })
  if (halted) return `${label}: dispatched in a halted scope (H3)`
  if (before.barred[left]) return `${label}: dispatched although a halt was acknowledged since (H3)`
  // What a crash loses after its bytes left was never counted: the admission is durable first.
  return before.durable.fates[left] === 'open'
    ? null
    : `${label}: bytes left before the log had it (I1)`
}

function authorityOf(before: LedgerWorld, { label, world }: Move<LedgerWorld>): string | null {
  for (const key of keys) {
    const old = accountOf(before, key)
    const now = accountOf(world, key)
    if (old !== null && now === null && label !== 'crash') return `${label} dropped ${key} (I4)`
    if (old === null || now === null || label === 'crash') continue
    const rose = limitOf(now.account) > limitOf(old.account)
    if (rose && label !== 'grant') return `${label} raised the authority of ${key} (I9)`
    if (now.account.posted < old.account.posted) return `${label} gave back what was posted (I3)`
  }
  const halted = before.live.state.scopes.get('agent:ann')?.mode === 'halted'
  return halted && label === 'grant' ? 'a grant to a halted scope (I9)' : null
}

/** The first sentence that a move breaks, or null. */
export function brokenBy(before: LedgerWorld, move: Move<LedgerWorld>): string | null {
  for (const key of keys) {
    const books = booksOf(move.world, key)
    if (books !== null) return books
  }
  return haltsOf(before, move) ?? authorityOf(before, move)
}
