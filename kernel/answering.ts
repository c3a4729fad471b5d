/** What people say: a yes, a no, or nothing until the time is over, which is a no (I7). */
import type { Answer } from './answer.ts'
import {
  type Approval,
  areMet,
  forgottenAt,
  groupsMax,
  isOfQuorum,
  isOpen,
  isRequester,
  permitsMax,
  permitsMsMax,
  reasonMax,
  type Yes,
} from './approval.ts'
import type { AnswerEvent, ExpireEvent } from './event.ts'
import { closeApproval, giveBack } from './release.ts'
import { namePattern } from './scope.ts'
import type { State } from './state.ts'
import { done, dropApproval, putApproval, putPermit, refused, type Turn } from './turn.ts'

/** The approval of an id; undefined where nothing waits or was answered by it. */
export function approvalOf(state: Pick<State, 'approvals'>, id: string): Approval | undefined {
  for (const approval of state.approvals.values()) if (approval.id === id) return approval
  return undefined
}

const isWithin = (value: number, max: number): boolean =>
  Number.isSafeInteger(value) && value >= 0 && value <= max

function isWellFormed({ by, groups, reason, permits, permitsMs }: AnswerEvent): boolean {
  if (![by, ...groups].every((name) => namePattern.test(name))) return false
  if (groups.length > groupsMax) return false
  if (reason.length > reasonMax || !reason.isWellFormed()) return false
  return isWithin(permits, permitsMax) && isWithin(permitsMs, permitsMsMax)
}

/** Why a person may not answer; null where it may. */
function objection(approval: Approval, { kind, by, groups }: AnswerEvent): string | null {
  if (isRequester(approval.principal, by)) {
    return `${by} asks here, and nobody answers its own request.`
  }
  const { quorums, yes } = approval
  const isNamed = quorums.length === 0 || quorums.some((each) => isOfQuorum(each, { by, groups }))
  if (!isNamed) return `${by} is none of those whom this waits for.`
  const said = kind === 'approve' && yes.some((each) => each.by === by)
  return said ? `${by} said yes already: it waits for others.` : null
}

/** As many permits as everybody who said yes would give, from now on; none where one gave none. */
function permit(turn: Turn, approved: Approval): void {
  const { kind, path, incarnations, policy, principal, wantedBy, yes } = approved
  const left = Math.min(...yes.map(({ permits }) => permits))
  const forMs = Math.min(...yes.map(({ permitsMs }) => permitsMs))
  if (left === 0 || forMs === 0) return
  const { agent } = principal
  const until = turn.now + forMs
  putPermit(turn, { kind, agent, left, until, policy, path, incarnations, yes, wantedBy })
}

function agree(turn: Turn, approval: Approval, event: AnswerEvent): Approval {
  const { by, groups, permits, permitsMs, reason } = event
  const yes: readonly Yes[] = [...approval.yes, { by, groups, permits, permitsMs }]
  if (!areMet(approval.quorums, yes)) {
    const waiting = { ...approval, yes }
    putApproval(turn, waiting)
    return waiting
  }
  const approved: Approval = { ...approval, state: 'approved', yes, reason }
  putApproval(turn, approved)
  permit(turn, approved)
  return approved
}

/** Takes one person's answer: the last yes that is needed approves, any no denies. */
export function answer(turn: Turn, event: AnswerEvent): Answer {
  if (!isWellFormed(event)) {
    const message =
      'An answer has a name, groups, a reason of 256 characters, and countable permits.'
    return refused(turn, 'malformed-request', message)
  }
  const approval = approvalOf(turn, event.approval)
  if (approval === undefined) {
    return refused(
      turn,
      'approval-unknown',
      `Nothing waits for approval by the id ${event.approval}.`,
    )
  }
  const isLate = turn.now >= approval.expiresAt || approval.policy !== turn.terms.digest
  if (approval.state !== 'pending' || isLate) {
    const state = approval.state === 'pending' ? 'expired' : approval.state
    const message = `Approval ${approval.id} is ${state}: there is nothing to answer any more.`
    return { ...refused(turn, 'approval-closed', message), approval }
  }
  const message = objection(approval, event)
  if (message !== null) return { ...refused(turn, 'approver-refused', message), approval }
  const after =
    event.kind === 'approve'
      ? agree(turn, approval, event)
      : closeApproval(turn, approval, { state: 'denied', reason: event.reason })
  return { ...done(turn), approval: after }
}

/** Ends what nobody answered or used in time; what is over long enough is forgotten. Before its time, refused. */
export function expire(turn: Turn, event: ExpireEvent): Answer {
  const approval = approvalOf(turn, event.approval)
  if (approval === undefined) {
    return refused(
      turn,
      'approval-unknown',
      `Nothing waits for approval by the id ${event.approval}.`,
    )
  }
  const due = isOpen(approval) ? approval.expiresAt : forgottenAt(approval)
  if (turn.now < due) {
    const message = `The time of approval ${approval.id} is not over yet.`
    return { ...refused(turn, 'malformed-request', message), approval }
  }
  if (isOpen(approval)) {
    const after = closeApproval(turn, approval, { state: 'expired', reason: '' })
    return { ...done(turn), approval: after }
  }
  giveBack(turn, approval.lines)
  dropApproval(turn, approval)
  return { ...done(turn), approval }
}
