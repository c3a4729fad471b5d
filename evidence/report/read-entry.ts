/** Reads members of an entry for counting: what is of another type than expected counts as absent. */
import type { Entry } from '../../ledger/entry.ts'

type Members = Readonly<Record<string, unknown>>

/** Characters of a text of the ledger that are kept: no entry of a gate has longer ones to count by. */
const charactersMax = 256

/** A text; empty where there is none. */
export function textOf(members: Members, name: string): string {
  const value = members[name]
  return typeof value === 'string' ? value.slice(0, charactersMax) : ''
}

/** A whole number from 0 on; 0 where there is none. */
export function countOf(members: Members, name: string): number {
  const value = members[name]
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

/** Amounts by dimension; empty where there are none. */
export function vectorOf(members: Members, name: string): ReadonlyMap<string, number> {
  const value = members[name]
  const amounts = new Map<string, number>()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return amounts
  for (const [dimension, amount] of Object.entries(value)) {
    if (Number.isSafeInteger(amount) && amount >= 0) amounts.set(dimension, amount)
  }
  return amounts
}

/** The texts of a list. */
export function textsOf(members: Members, name: string): readonly string[] {
  const value = members[name]
  if (!Array.isArray(value)) return []
  return value.filter((each): each is string => typeof each === 'string')
}

/** The objects of a list. */
export function recordsOf(members: Members, name: string): readonly Members[] {
  const value = members[name]
  if (!Array.isArray(value)) return []
  return value.filter((each): each is Members => typeof each === 'object' && each !== null)
}

/** Milliseconds since the epoch at which an entry was written. */
export function instantOf(entry: Entry): number {
  return Date.parse(entry.ts)
}

/** `code`, or `code (id)` of the reason that decided; empty where there was none. */
export function reasonOf(members: Members): string {
  const [first] = recordsOf(members, 'reasons')
  if (first === undefined) return ''
  const [code, id] = [textOf(first, 'code'), textOf(first, 'id')]
  return id === '' ? code : `${code} (${id})`
}

/** True for a verdict that let the request pass at once. */
export function isPassing(verdict: string): boolean {
  return verdict === 'allow' || verdict === 'warn'
}
