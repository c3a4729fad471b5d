/** Filters as people and programs write them, as words by name: read strictly, with a sentence where one is wrong. */
import { type EntryFilter, receiptOf, timeOf } from './filter.ts'

/** What a filter may say; the flags and the query parameters have these names. */
export const filterNames = [
  'from',
  'to',
  'kind',
  'verdict',
  'agent',
  'run',
  'host',
  'domain',
  'action',
  'request',
  'rule',
  'reason',
  'receipt',
] as const

export type FilterName = (typeof filterNames)[number]

export type Words = Readonly<Partial<Record<FilterName, string>>>

/** As long as the longest text that an entry holds. */
export const wordBytesMax = 256

/** The filter, or what is wrong with the word of that name. */
export function filterOf(
  words: Words,
  now: number,
): { readonly filter: EntryFilter } | { readonly name: FilterName; readonly problem: string } {
  const filter: Record<string, unknown> = {}
  for (const name of filterNames) {
    const word = words[name]
    if (word === undefined) continue
    const value = meaningOf(name, word, now)
    if (value === null) return { name, problem: problems[name] ?? plain }
    filter[name] = value
  }
  return { filter }
}

const plain = `is a word of 1 to ${wordBytesMax} bytes without blanks and control characters`
const time = 'is a time like 2026-11-21, 2026-11-21T04:30Z, or how long ago: 15m, 24h, 7d'

const problems: Readonly<Partial<Record<FilterName, string>>> = {
  from: time,
  to: time,
  receipt: 'is SEQ-HASH, as Haltgate-Receipt has it: at least 8 hex digits of the hash',
}

function meaningOf(name: FilterName, word: string, now: number): unknown {
  if (name === 'from' || name === 'to') return timeOf(word, now)
  if (name === 'receipt') return receiptOf(word)
  const isPlain = word !== '' && word.isWellFormed() && !/[\s\p{Cc}]/u.test(word)
  return isPlain && Buffer.byteLength(word) <= wordBytesMax ? word : null
}
