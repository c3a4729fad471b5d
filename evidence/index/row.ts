/** What the index keeps of an entry: one row, made of the entry alone and of where its line lies. */
import type { Entry } from '../../ledger/entry.ts'

/** What a row says of the entry itself, in the order of the table. */
export const factColumns = [
  'seq',
  'ts',
  'kind',
  'verdict',
  'agent',
  'run',
  'principal',
  'tenant',
  'project',
  'host',
  'method',
  'path',
  'domain',
  'action',
  'rule',
  'rules',
  'code',
  'reasons',
  'request',
  'status',
  'outcome',
  'model',
  'cost',
] as const

/** And where the line lies: the segment by its first seq, the bytes in it, the hash as 32 bytes. */
export const placeColumns = ['segment', 'offset', 'length', 'hash'] as const

export type Fact = string | number | null

/** Facts by the order of `factColumns`. */
export type Facts = readonly Fact[]

/** Where a line lies. */
export interface LinePlace {
  /** Seq of the first entry of its file. */
  readonly segment: number
  readonly offset: number
  /** In bytes, the LF included. */
  readonly length: number
}

/** Facts of an entry; null for what it does not have. Lists are words with a blank around each: ` a b `. */
export function factsOf({ actor, data, kind, seq, ts }: Entry): Facts {
  const rules = listed(data['rules'])
  const reasons = reasonsOf(data)
  const actual = data['actual']
  return [
    seq,
    ts,
    kind,
    text(data['verdict']),
    actor.agent ?? null,
    actor.run ?? null,
    actor.principal ?? null,
    actor.tenant ?? null,
    actor.project ?? null,
    text(data['host']) || null,
    text(data['method']),
    text(data['path']),
    text(data['domain']),
    text(data['action']) || null,
    rules[0] ?? null,
    joined(rules),
    reasons[0] ?? null,
    joined(reasons),
    // An approval is about the request that asked for it.
    text(data['request']) ?? (kind === 'approval' ? text(data['approval']) : null),
    integer(data['status']),
    text(data['outcome']),
    text(data['model']),
    isRecord(actual) ? integer(actual['cost_usd']) : null,
  ]
}

/** Codes that speak in an entry, the deciding one first. */
function reasonsOf(data: Entry['data']): readonly string[] {
  const { code, reasons } = data
  if (typeof code === 'string') return [code]
  if (!Array.isArray(reasons)) return []
  return listed(reasons.map((reason: unknown) => (isRecord(reason) ? reason['code'] : null)))
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)

const integer = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : null

const none: readonly string[] = []

function listed(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return none
  return value.filter((one): one is string => typeof one === 'string')
}

const joined = (words: readonly string[]): string | null =>
  words.length === 0 ? null : ` ${words.join(' ')} `

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
