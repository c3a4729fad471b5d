/** Reads the data of an entry member by member, and remembers what nobody asked for. */
import type { Entry } from '../../ledger/entry.ts'

export type Members = Readonly<Record<string, unknown>>

/** A member as text; empty where it is none. Numbers and truth values are written out. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

/** The members of an object; none of anything else. */
export function membersOf(value: unknown): Members {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Members) : {}
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Codes of `reasons`, in their order. */
export function codesOf(value: unknown): readonly string[] {
  return listOf(value)
    .map((reason) => textOf(membersOf(reason)['code']))
    .filter((code) => code !== '')
}

/** Text that is there, or nothing: for members that are left out where they are empty. */
export function present(text: string): string | undefined {
  return text === '' ? undefined : text
}

/** One entry that is being mapped. */
export class Reading {
  readonly entry: Entry
  readonly #rest: Map<string, unknown>

  constructor(entry: Entry) {
    this.entry = entry
    this.#rest = new Map(Object.entries(entry.data))
  }

  /** A member, which is then mapped. */
  take(name: string): unknown {
    const value = this.#rest.get(name)
    this.#rest.delete(name)
    return value
  }

  text(name: string): string {
    const value = this.#rest.get(name)
    const text = textOf(value)
    if (text !== '') this.#rest.delete(name)
    return text
  }

  number(name: string): number | null {
    const value = numberOf(this.#rest.get(name))
    if (value !== null) this.#rest.delete(name)
    return value
  }

  /** What was not asked for. */
  get rest(): Members {
    return Object.fromEntries(this.#rest)
  }
}

/** What an export says of the log itself. */
export interface LogName {
  readonly logId: string
  readonly origin: string
  /** Of haltgate, that makes the export. */
  readonly version: string
}
