/** What is recorded and moves no budget: words of operators, anchors that are held outside, what was erased. */
import { Failure } from '../kernel/reasons.ts'
import type { AnchorData } from '../ledger/anchor.ts'
import type { Draft } from '../ledger/entry.ts'
import type { Core } from './core.ts'
import type { OrderAnswer } from './orders.ts'
import { bounded } from './record.ts'

/** What an operator may tell of. */
export const systemTypes = ['deployment', 'migration', 'incident', 'maintenance', 'note'] as const

/** How bad it is, the mildest first. */
export const severities = ['info', 'warning', 'error', 'critical'] as const

/** Something that an operator wants to stand in the ledger: a deployment, a migration, an incident. */
export interface SystemOrder {
  readonly type: (typeof systemTypes)[number]
  readonly severity: (typeof severities)[number]
  /** Receipt or id of what it follows from; empty where nothing is named. */
  readonly causedBy: string
  readonly message: string
  /** Role of who says it; never a person's name. */
  readonly by: string
}

/** A subject's openings were destroyed: what the ledger keeps of it are commitments that nobody can open. */
export interface ErasureOrder {
  /** On what grounds: a ticket, an article; as it was given. */
  readonly authority: string
  readonly by: string
  /** Openings that were destroyed, and the entries between which they lie; null where there were none. */
  readonly count: number
  readonly fields: readonly string[]
  readonly firstSeq: number | null
  readonly lastSeq: number | null
  readonly reason: string
  /** The vault's own id of the subject; never its name. */
  readonly subject: string
}

/** Fields of a decision that can be committed to. */
const fieldsMax = 8

/** The entry of what an operator says. */
export function systemDraft(at: number, order: SystemOrder): Draft {
  const { by, causedBy, message, severity, type } = order
  const data = {
    at,
    by,
    ...(causedBy === '' ? {} : { caused_by: bounded(causedBy) }),
    message: bounded(message),
    severity,
    type,
  }
  return { kind: 'system', actor: {}, data }
}

/** The entry of an erasure. */
export function erasureDraft(at: number, order: ErasureOrder): Draft {
  const { authority, by, count, fields, firstSeq, lastSeq, reason, subject } = order
  const data = {
    at,
    authority: bounded(authority),
    by,
    count,
    fields: fields.slice(0, fieldsMax).map(bounded),
    ...(firstSeq === null ? {} : { first_seq: firstSeq }),
    ...(lastSeq === null ? {} : { last_seq: lastSeq }),
    ...(reason === '' ? {} : { reason: bounded(reason) }),
    subject: bounded(subject),
  }
  return { kind: 'erasure', actor: {}, data }
}

/** The entry of an anchor. */
export function anchorDraft({ at, sha256, size, slot, store, version }: AnchorData): Draft {
  const data = { at, sha256, size, slot, store: bounded(store), version: bounded(version) }
  return { kind: 'anchor', actor: {}, data }
}

/** Appends it; durable when it is answered. */
export async function state(core: Core, draft: Draft): Promise<OrderAnswer> {
  const barred = core.barred()
  if (barred !== null) return { ok: false, reasons: barred.reasons, receipt: null }
  try {
    const { obstacle } = core.ledger
    if (obstacle !== null) throw obstacle
    return { ok: true, receipt: await core.append(draft) }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const reasons = [{ code: error.code, id: '', message: error.message }]
    return { ok: false, reasons, receipt: null }
  }
}
