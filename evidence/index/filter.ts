/** What may be asked of the index: filters as they are written, checked, and as SQL with its values apart. */
import { timestampOf } from '../../ledger/timestamp.ts'
import { commonKinds, notAllowed } from './database.ts'

/** Every member narrows; absent ones do not. Times are those of `ts`, `from` included, `to` not. */
export interface EntryFilter {
  readonly from?: string
  readonly to?: string
  readonly kind?: string
  readonly verdict?: string
  readonly agent?: string
  readonly run?: string
  readonly host?: string
  readonly domain?: string
  readonly action?: string
  readonly request?: string
  /** Id of a rule, among those that matched. */
  readonly rule?: string
  /** Code of a reason, among those that spoke. */
  readonly reason?: string
  readonly receipt?: ReceiptName
  /** Only calls of models. */
  readonly isModel?: true
  readonly kinds?: readonly string[]
}

/** An entry as a receipt names it: its seq, and the first digits of its hash. */
export interface ReceiptName {
  readonly seq: number
  readonly hash: string
}

const exact = ['verdict', 'agent', 'run', 'host', 'domain', 'action', 'request'] as const
const within = [
  ['rule', 'rules'],
  ['reason', 'reasons'],
] as const

/** Conditions to be joined by AND, and their values in order. Times and receipts are seqs by then. */
export interface Conditions {
  readonly sql: readonly string[]
  readonly values: readonly (string | number)[]
  /** True where an index of the table leads to the rows, so that none is scanned in vain. */
  readonly isSelective: boolean
}

export function conditionsOf(filter: EntryFilter): Conditions {
  const sql: string[] = []
  const values: (string | number)[] = []
  for (const name of exact) {
    const value = filter[name]
    if (value === undefined) continue
    sql.push(`${name} = ?`)
    values.push(value)
  }
  for (const [name, column] of within) {
    const value = filter[name]
    if (value === undefined) continue
    sql.push(`instr(${column}, ?) > 0`)
    values.push(` ${value} `)
  }
  const isOdd = filter.verdict !== undefined && filter.verdict !== 'allow'
  if (isOdd) sql.push(notAllowed)
  // Said as the partial indexes say it, or SQLite would not see that they apply.
  if (filter.request !== undefined) sql.push('request IS NOT NULL')
  if (filter.isModel === true) sql.push('model IS NOT NULL')
  const isRare = addKinds(filter, { sql, values })
  const isRun = filter.agent !== undefined && filter.run !== undefined
  const isSelective = isOdd || isRare || isRun || filter.request !== undefined
  return { sql, values, isSelective: isSelective || filter.isModel === true }
}

function addKinds(
  { kind, kinds = kind === undefined ? [] : [kind] }: EntryFilter,
  { sql, values }: { readonly sql: string[]; readonly values: (string | number)[] },
): boolean {
  if (kinds.length === 0) return false
  sql.push(`kind IN (${kinds.map(() => '?').join(', ')})`)
  values.push(...kinds)
  const isRare = !kinds.includes('decision') && !kinds.includes('settlement')
  if (isRare) sql.push(commonKinds)
  return isRare
}

const relative = /^(\d{1,6})(ms|s|m|h|d|w)$/
const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

const absolute =
  /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:[Zz]|([+-]\d\d):?(\d\d))?)?$/

/** 9999-12-31T23:59:59.999Z, the last instant that a timestamp of the ledger can say. */
const instantMax = 253_402_300_799_999

/**
 * A time as people write it, as a timestamp of the ledger: ISO 8601 (UTC where it says no other), a day, or how long
 * ago (`15m`, `24h`, `7d`). Null where it is none of these.
 */
export function timeOf(text: string, now: number): string | null {
  const [, count, unit] = relative.exec(text) ?? []
  if (count !== undefined) {
    const lengthMs = Number(count) * unitMs[unit as keyof typeof unitMs]
    return stamped(now - lengthMs)
  }
  const [
    whole,
    day = '',
    hours = '0',
    minutes = '0',
    seconds = '0',
    fraction = '',
    east = '0',
    more = '0',
  ] = absolute.exec(text) ?? []
  if (whole === undefined) return null
  const midnight = Date.parse(`${day}T00:00:00.000Z`)
  // The 30th of February is somebody's mistake, and not the 2nd of March.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(day)) return null
  const [hour, minute, second] = [Number(hours), Number(minutes), Number(seconds)]
  if (hour > 23 || minute > 59 || second > 59 || Math.abs(Number(east)) > 23 || Number(more) > 59) {
    return null
  }
  const ofDay =
    (hour * 60 + minute) * 60_000 + second * 1_000 + Number(fraction.padEnd(3, '0').slice(0, 3))
  const sign = east.startsWith('-') ? -1 : 1
  const offsetMs = (Number(east) * 60 + sign * Number(more)) * 60_000
  return stamped(midnight + ofDay - offsetMs)
}

function stamped(instant: number): string | null {
  if (instant > instantMax) return null
  return timestampOf(Math.max(0, instant))
}

/** Reads `SEQ-HASH`, as the header Haltgate-Receipt has it, or with more or fewer digits; null for anything else. */
export function receiptOf(text: string): ReceiptName | null {
  const [, seq = '', hash = ''] = /^(\d{1,15})[-:]([0-9a-f]{8,64})$/.exec(text) ?? []
  return seq === '' ? null : { seq: Number(seq), hash }
}

/** A receipt as it is written everywhere: seq and 16 digits. */
export function receiptText({ hash, seq }: ReceiptName): string {
  return `${seq}-${hash.slice(0, 16)}`
}

/** Names the last entry that a page looked at. Opaque: only what was given out comes back in. */
export function cursorOf(seq: number): string {
  return Buffer.from(`e1:${seq}`).toString('base64url')
}

/** The seq of a cursor; null where it is none of ours. */
export function seqOfCursor(text: string): number | null {
  if (text.length > 32) return null
  const [, digits = ''] = /^e1:(\d{1,15})$/.exec(Buffer.from(text, 'base64url').toString()) ?? []
  const seq = digits === '' ? null : Number(digits)
  return seq !== null && cursorOf(seq) === text ? seq : null
}
