/** How approvals and permits end: what was held is given back in the step in which it ends. */
import { post } from './account.ts'
import { type Approval, type ApprovalState, isOpen } from './approval.ts'
import { nth, present } from './contract.ts'
import type { HoldLine } from './hold-line.ts'
import { refresh, withAccounts } from './purse.ts'
import type { ScopeId } from './scope.ts'
import { dropApproval, dropPermit, putApproval, putPurse, type Turn } from './turn.ts'

/** Gives all that some lines hold back to their purses, unspent. */
export function giveBack(turn: Turn, lines: readonly HoldLine[]): void {
  for (const line of lines) {
    const stored = present(turn.purses.get(line.purse), 'an approval is on an open purse')
    const purse = refresh(stored, turn.now)
    const accounts = purse.accounts.map((account, index) =>
      post(account, { held: nth(line.amounts, index), spent: 0, window: null }),
    )
    putPurse(turn, withAccounts(purse, accounts))
  }
}

/** Closes an approval with what it came to: it holds nothing from here on. */
export function closeApproval(
  turn: Turn,
  approval: Approval,
  end: { readonly state: ApprovalState; readonly reason: string },
): Approval {
  giveBack(turn, approval.lines)
  const closed = { ...approval, ...end, lines: [] }
  putApproval(turn, closed)
  return closed
}

/** Tells that an open approval ended without an answer: whoever waits hears of it. */
export function tellExpired(turn: Turn, { id: approval, digest }: Approval): void {
  turn.effects.push({ kind: 'approval', approval, digest, state: 'expired' })
}

/** Drops every approval and permit on such a path, whatever was answered: its budget comes back, its yes is void. */
export function dropAsked(turn: Turn, isMeant: (path: readonly ScopeId[]) => boolean): void {
  if (turn.approvals.size > 0) {
    for (const [, approval] of turn.approvals.sorted()) {
      if (!isMeant(approval.path)) continue
      giveBack(turn, approval.lines)
      dropApproval(turn, approval)
      if (isOpen(approval)) tellExpired(turn, approval)
    }
  }
  if (turn.permits.size === 0) return
  for (const [, permit] of turn.permits.sorted()) {
    if (isMeant(permit.path)) dropPermit(turn, permit)
  }
}
