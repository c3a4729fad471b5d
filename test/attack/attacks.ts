/** What an attack is: what is done to a copy of the data directory, and what must come of it. */
import type { Read } from './forge.ts'
import type { Ground } from './ground.ts'

/** What somebody must have kept elsewhere to find it. */
export const needs = ['nothing', 'key', 'head', 'anchor', 'look'] as const

export type Need = (typeof needs)[number]

/** What else than `audit verify` compares with the ledger. */
export type Look = 'index' | 'openings'

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
  /** The command that finds it, where `audit verify` does not look there. */
  readonly look?: Look
  /** Exit of the command line, where it asks for more than it finds. */
  readonly typed?: number
  /** Exit of verify.py, where it sees less than `audit verify` does. */
  readonly python?: number
  readonly carryOut: (scene: Scene) => void | Promise<void>
}

/** Of the second day, and therefore in the middle of the ledger. */
export const middle = 1

/** A decision that never was: a `PUT` where there was a `GET`. */
export const changed = (data: Read['data']): Read['data'] => ({ ...data, method: 'PUT' })
