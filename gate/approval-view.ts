/** An approval as a person reads it: who asks for what, whose yes is needed, and until when. */
import type { Approval, ApprovalState, Quorum } from '../kernel/approval.ts'
import type { Vector } from '../kernel/dimension.ts'

/** What is asked for, as the entry of the decision says it: nothing of a body, a header or a query (I6). */
export interface Matter {
  readonly domain: string
  readonly action: string
  readonly resource: string
  readonly method: string
  readonly scheme: string
  readonly port: number
  readonly path: string
  readonly context: Readonly<Record<string, unknown>>
}

export interface ApprovalView {
  readonly id: string
  readonly state: ApprovalState
  readonly agent: string
  readonly run: string
  readonly tenant: string | null
  readonly project: string | null
  /** The human on whose behalf it is asked. */
  readonly actor: string | null
  readonly host: string
  /** Null where the entry that asked was written before the newest snapshot: the ledger has it. */
  readonly matter: Matter | null
  /** Ids of the rules, budgets and checks that want it. */
  readonly wantedBy: readonly string[]
  readonly quorums: readonly Quorum[]
  /** Names of those who said yes so far. */
  readonly yes: readonly string[]
  readonly askedAt: number
  readonly expiresAt: number
  /** What it holds of its budgets. */
  readonly holds: Vector
  /** Of the action: a retry that differs in anything has another one. */
  readonly digest: string
  readonly reason: string
}

type Plain = Readonly<Record<string, unknown>>

const textIn = (data: Plain, key: string): string => {
  const value = Object.hasOwn(data, key) ? data[key] : ''
  return typeof value === 'string' ? value : ''
}

/** Reads the data of a decision's entry. */
export function matterOf(given: object): Matter {
  const data = given as Plain
  const { context, port } = data
  return {
    domain: textIn(data, 'domain'),
    action: textIn(data, 'action'),
    resource: textIn(data, 'resource'),
    method: textIn(data, 'method'),
    scheme: textIn(data, 'scheme'),
    port: typeof port === 'number' ? port : 0,
    path: textIn(data, 'path'),
    context: typeof context === 'object' && context !== null ? (context as Plain) : {},
  }
}

/** The view of one approval. */
export function viewOf(approval: Approval, matter: Matter | null): ApprovalView {
  const { principal, yes } = approval
  return {
    id: approval.id,
    state: approval.state,
    agent: principal.agent,
    run: principal.run,
    tenant: principal.tenant,
    project: principal.project,
    actor: principal.actor,
    host: approval.host,
    matter,
    wantedBy: approval.wantedBy,
    quorums: approval.quorums,
    yes: yes.map(({ by }) => by),
    askedAt: approval.askedAt,
    expiresAt: approval.expiresAt,
    holds: approval.vector,
    digest: approval.digest,
    reason: approval.reason,
  }
}
