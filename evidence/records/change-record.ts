/** Who changed what may be done: policies, limits, halts, answers of people, keys, erasures; before and after. */
import type { Entry } from '../../ledger/entry.ts'
import { codeIn, integerIn, receiptIn, textIn } from './members.ts'

/** Kinds that tell of a change. */
export const changeKinds = [
  'policy.load',
  'grant',
  'revoke',
  'halt',
  'reinstate',
  'approval',
  'key.rotate',
  'erasure',
] as const

export interface ChangeRecord {
  readonly seq: number
  readonly ts: string
  readonly by: string
  readonly what: string
  /** Scope, budget, approval: what was changed. */
  readonly subject: string
  readonly before: string
  readonly after: string
  readonly reason: string
  /** allow, or what refused it; empty where the kind has none. */
  readonly verdict: string
  readonly code: string
  readonly receipt: string
}

/** A limit as a replay tells it. */
export interface LimitChange {
  readonly before: number
  readonly after: number
}

/** What is known beside the entry. */
export interface ChangeContext {
  /** The last entry that put a policy into force, or brought a key; null where there is none. */
  readonly before: Entry | null
  /** Of a grant or revoke: the limits, where somebody replayed; null where only the amount is known. */
  readonly limit: LimitChange | null
}

export function changeRecord(entry: Entry, context: ChangeContext): ChangeRecord {
  const { data, kind, seq, ts } = entry
  const own = { subject: textIn(data, 'scope'), before: '', after: '' }
  return {
    ...{ seq, ts, by: byOf(entry), what: kind, ...own, ...changed(entry, context) },
    ...(isRefusedOrder(entry) ? { before: '', after: 'unchanged' } : {}),
    reason: textIn(data, 'reason'),
    verdict: textIn(data, 'verdict'),
    code: codeIn(data),
    receipt: receiptIn(entry),
  }
}

/** What an operator asked for and did not get: nothing came of it. */
function isRefusedOrder({ data, kind }: Entry): boolean {
  const verdict = textIn(data, 'verdict')
  const isOrder = ['grant', 'revoke', 'halt', 'reinstate', 'policy.load'].includes(kind)
  return isOrder && verdict !== '' && verdict !== 'allow'
}

/** Nobody's name is known of an approval whose time was over, or of a halt by a rule: then what did it. */
function byOf({ data, kind }: Entry): string {
  const by = textIn(data, 'by')
  if (by !== '') return by
  return kind === 'halt' ? textIn(data, 'cause') : textIn(data, 'trigger')
}

function changed({ data, kind }: Entry, { before, limit }: ChangeContext): Partial<ChangeRecord> {
  switch (kind) {
    case 'policy.load': {
      const old = before === null ? '' : textIn(before.data, 'digest')
      return {
        subject: `policy, ${textIn(data, 'mode')}`,
        before: old,
        after: textIn(data, 'digest'),
      }
    }
    case 'grant':
    case 'revoke':
      return granted(data, { sign: kind === 'grant' ? '+' : '-', limit })
    case 'halt':
      return { before: 'running', after: 'halted' }
    case 'reinstate':
      return {
        before: 'halted',
        after: `running, incarnation ${integerIn(data, 'incarnation') ?? ''}`,
      }
    case 'approval':
      return {
        what: `approval.${textIn(data, 'op')}`,
        subject: textIn(data, 'approval'),
        ...answered(data),
      }
    case 'key.rotate': {
      const old = before === null ? '' : textIn(before.data, 'vkey')
      return { subject: 'signing key', before: old, after: textIn(data, 'vkey') }
    }
    case 'erasure': {
      const count = integerIn(data, 'count') ?? 0
      return { subject: textIn(data, 'subject'), before: `${count} openings`, after: 'destroyed' }
    }
    default:
      return { subject: textIn(data, 'subject') || textIn(data, 'scope') }
  }
}

function granted(
  data: Entry['data'],
  { limit, sign }: { readonly sign: string; readonly limit: LimitChange | null },
): Partial<ChangeRecord> {
  const [scope, budget, dimension] = ['scope', 'budget', 'dimension'].map((key) =>
    textIn(data, key),
  )
  const subject = [scope, budget, dimension].filter((word) => word !== '').join(' ')
  if (limit === null) return { subject, after: `${sign}${integerIn(data, 'amount') ?? ''}` }
  return { subject, before: String(limit.before), after: String(limit.after) }
}

function answered(data: Entry['data']): Partial<ChangeRecord> {
  // One yes of several, perhaps: only the gate knows when a quorum is met.
  const states = { approve: 'yes', deny: 'denied', expire: 'expired' } as const
  const op = textIn(data, 'op')
  const isKnown = op === 'approve' || op === 'deny' || op === 'expire'
  const isRefused = textIn(data, 'verdict') !== 'allow' && op !== 'expire'
  const after = isRefused || !isKnown ? 'pending' : states[op]
  return { before: 'pending', after }
}
