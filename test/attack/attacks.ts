/** What an attack is: what is done to a copy of the data directory, and what must come of it. */
import type { Read } from './forge.ts'
import type { Ground } from './ground.ts'

/** What somebody must have kept elsewhere to find it. */
export const needs = ['nothing', 'key', 'head', 'anchor', 'index check'] as const

export type Need = (typeof needs)[number]

/** What an attack is carried out on. */
export interface Scene {
  readonly ground: Ground
  /** A data directory of its own. */
  readonly data: string
  readonly ledger: string
}

export interface Attack {
  readonly name: string
  /** What the attacker did; the row of the table. */
  readonly what: string
  readonly need: Need
  /** Findings with all that was kept elsewhere, each once, ascending. */
  readonly codes: readonly string[]
  readonly carryOut: (scene: Scene) => void | Promise<void>
}

/** Of the second day, and therefore in the middle of the ledger. */
export const middle = 1

/** A decision that never was: a `PUT` where there was a `GET`. */
export const changed = (data: Read['data']): Read['data'] => ({ ...data, method: 'PUT' })
