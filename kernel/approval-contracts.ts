/** What must hold of approvals, permits and marks: in each change of one, and of all of them in a state. */
import {
  type Approval,
  areMet,
  groupsMax,
  isOpen,
  isRequester,
  type Permit,
  permitKey,
  reasonMax,
} from './approval.ts'
import { assert, nth } from './contract.ts'
import { isMarkKey, type Mark, marksMax } from './mark.ts'
import type { State } from './state.ts'

const counts = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** P10 of one approval by itself. */
function checkApproval(approval: Approval): void {
  const { yes, quorums, principal, reason, state } = approval
  const people = new Set(yes.map(({ by }) => by))
  assert(people.size === yes.length, 'P10: a person says yes once')
  assert(!yes.some(({ by }) => isRequester(principal, by)), 'P10: nobody approves its own request')
  const isMet = areMet(quorums, yes)
  assert(state !== 'approved' || isMet, 'P10: what is approved has every yes that it needs')
  assert(state !== 'pending' || !isMet, 'P10: what has every yes that it needs is approved')
  assert(isOpen(approval) || approval.lines.length === 0, 'P10: what is over holds nothing')
  assert(reason.length <= reasonMax, 'a reason is bounded')
  assert(
    yes.every(({ groups }) => groups.length <= groupsMax),
    'the groups of a person are bounded',
  )
}

/** Asserts a change of one approval. P10: it is answered once, and each answer is of one person more. */
export function checkApprovalChange(before: Approval | undefined, after: Approval): void {
  checkApproval(after)
  if (before === undefined) {
    const { state, yes, askedAt, expiresAt } = after
    assert(state === 'pending' && yes.length === 0, 'P10: an approval begins as a question')
    assert(counts(expiresAt) && expiresAt > askedAt, 'P10: an approval waits for some time')
    return
  }
  assert(after.id === before.id && after.kind === before.kind, 'P10: an approval keeps its action')
  assert(after.expiresAt === before.expiresAt, 'P10: an approval ends when it said')
  const open =
    before.state === 'pending' || (before.state === 'approved' && after.state === 'expired')
  assert(open, 'P10: an approval is answered once')
  const more = after.yes.length - before.yes.length
  const yes = after.state === 'approved' || after.state === 'pending'
  assert(more === (yes ? 1 : 0), 'P10: a yes is of one person')
}

/** Asserts a change of a permit that no answer made. P11: one less is left, and no longer. */
export function checkPermitChange(before: Permit | undefined, after: Permit): void {
  assert(before !== undefined && counts(after.left), 'P11: only what is left of a permit is used')
  assert(after.left === before.left - 1, 'P11: a permit counts down by one')
  assert(after.until === before.until, 'P11: a permit ends when it said')
}

/** Asserts a change of one mark. P12: until its time has passed, it never falls and never ends sooner. */
export function checkMarkChange(before: Mark | undefined, after: Mark, now: number): void {
  assert(counts(after.amount) && counts(after.until), 'P8: amounts are safe integers')
  if (before === undefined || before.until <= now) return
  assert(after.amount >= before.amount, 'P12: a mark never falls')
  assert(after.until >= before.until, 'P12: a mark never ends sooner')
}

function checkStored(state: State, key: string, approval: Approval): void {
  assert(key === approval.digest, 'an approval lies under the digest of its action')
  checkApproval(approval)
  const { askedAt, expiresAt, path, incarnations, lines } = approval
  assert(counts(askedAt) && askedAt <= state.now, 'no approval is from the future')
  assert(expiresAt > askedAt, 'an approval waits for some time')
  assert(path.length === incarnations.length, 'each scope of a path has an incarnation')
  assert(new Set(lines.map(({ purse }) => purse)).size === lines.length, 'a purse is held on once')
  if (!isOpen(approval)) return
  for (const [index, scope] of path.entries()) {
    const known = state.scopes.get(scope)
    assert(known?.mode !== 'halted', 'I8: nothing waits under a halt')
    assert(
      nth(incarnations, index) === (known?.incarnation ?? 0),
      'I8: no approval outlives a halt',
    )
  }
}

/** Asserts everything that is true of the approvals, permits and marks of a state. */
export function checkAsked(state: State): void {
  const ids = new Set<string>()
  for (const [key, approval] of state.approvals) {
    checkStored(state, key, approval)
    ids.add(approval.id)
  }
  assert(ids.size === state.approvals.size, 'the id of an approval is used once')
  for (const [key, permit] of state.permits) {
    assert(key === permitKey(permit), 'a permit lies under its own key')
    assert(counts(permit.left) && permit.left > 0, 'P11: a permit that is used up is gone')
    assert(permit.yes.length > 0, 'P11: a permit was given by somebody')
  }
  assert(state.marks.size <= marksMax, 'marks are bounded')
  for (const [key, mark] of state.marks) {
    assert(key === mark.key && isMarkKey(key), 'a mark lies under its own key')
    assert(counts(mark.amount) && counts(mark.until), 'P8: amounts are safe integers')
  }
}
