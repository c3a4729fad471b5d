/** Approvals: what a person must say yes to, bound to one action, holding its budget while it waits. */
import type { Vector } from './dimension.ts'
import type { HoldLine } from './hold-line.ts'
import type { Principal, ScopeId } from './scope.ts'

/** Whose yes is needed: so many different people, each of one of these groups or names; of none named, anyone. */
export interface Quorum {
  readonly need: number
  readonly of: readonly string[]
}

/** What an admission brings that a person may have to approve. Absent where nobody could be asked. */
export interface ApprovalAsk {
  /** 64 hex digits: SHA-256 over principal, method, host, port, path, query, body hash and action. */
  readonly digest: string
  /** 64 hex digits: the same without path, query and body. A permit for a class of actions is for this. */
  readonly kind: string
  /** Every one of these must be met. */
  readonly quorums: readonly Quorum[]
  /** How long it waits for an answer, in ms; without one it is denied. */
  readonly expiresMs: number
}

/** One person's yes: who, and how many more of the class it would let pass, for how long. */
export interface Yes {
  readonly by: string
  readonly groups: readonly string[]
  readonly permits: number
  readonly permitsMs: number
}

export type ApprovalState = 'pending' | 'approved' | 'denied' | 'expired'

/** One action that waits for people, or was answered; one at most for each digest. */
export interface Approval {
  /** Id of the request that asked first. */
  readonly id: string
  readonly digest: string
  readonly kind: string
  readonly state: ApprovalState
  readonly principal: Principal
  readonly host: string
  /** Ids of the rules, budgets and checks that want it. */
  readonly wantedBy: readonly string[]
  readonly quorums: readonly Quorum[]
  readonly askedAt: number
  readonly expiresAt: number
  readonly policy: string
  readonly path: readonly ScopeId[]
  readonly incarnations: readonly number[]
  /**
   * What it holds of each purse while it is pending or approved: the least that the request needs. Nothing of
   * `inflight`, which it is not, nor of a budget that is spent and asks for this very yes.
   */
  readonly lines: readonly HoldLine[]
  readonly vector: Vector
  /** Who said yes so far, each once. */
  readonly yes: readonly Yes[]
  /** What the person who decided said; reaches the agent. At most 256 characters. */
  readonly reason: string
}

/** So many more actions of a class that need nobody's yes, until an instant. An account of its own. */
export interface Permit {
  readonly kind: string
  readonly agent: string
  readonly left: number
  readonly until: number
  readonly policy: string
  readonly path: readonly ScopeId[]
  readonly incarnations: readonly number[]
  /** Who gave it: it lets nothing pass that wants the yes of others. */
  readonly yes: readonly Yes[]
  /** What they were told that wants it: it lets nothing pass that something else wants as well. */
  readonly wantedBy: readonly string[]
}

/** Approvals that are pending or approved, in all and of one agent; with more, nobody is asked. */
export const openApprovalsMax = 1_000
/** See openApprovalsMax. */
export const openApprovalsPerAgentMax = 100

/** What one yes may let pass beside the request itself, and for how long. */
export const permitsMax = 10_000
/** See permitsMax: milliseconds. */
export const permitsMsMax = 31 * 86_400_000

/** Characters of a person's reason, and groups of one person. */
export const reasonMax = 256
/** See reasonMax. */
export const groupsMax = 64

/** True while it holds budget: it may still be answered, or used. */
export function isOpen(approval: Approval): boolean {
  return approval.state === 'pending' || approval.state === 'approved'
}

/** When what was denied or has expired is forgotten, and the same action may be asked about anew. */
export function forgottenAt({ askedAt, expiresAt }: Approval): number {
  return expiresAt + (expiresAt - askedAt)
}

/** Key of a permit in its table. */
export function permitKey({ agent, kind }: { agent: string; kind: string }): string {
  return `${agent} ${kind}`
}

/** True for a person of whom a quorum may be: by name or by a group; anyone, where it names none. */
export function isOfQuorum({ of }: Quorum, person: Pick<Yes, 'by' | 'groups'>): boolean {
  return (
    of.length === 0 || of.includes(person.by) || person.groups.some((each) => of.includes(each))
  )
}

/** True where enough different people of each quorum said yes; of nobody's yes it is never true. */
export function areMet(quorums: readonly Quorum[], yes: readonly Yes[]): boolean {
  if (yes.length === 0) return false
  return quorums.every((quorum) => {
    const people = new Set(yes.filter((each) => isOfQuorum(quorum, each)).map(({ by }) => by))
    return people.size >= quorum.need
  })
}

/** True for the one who asks, and for the human on whose behalf, however written: neither answers its own request. */
export function isRequester({ agent, actor }: Principal, by: string): boolean {
  const name = by.toLowerCase()
  return name === agent.toLowerCase() || name === actor?.toLowerCase()
}
