/** Anchors: notes of this ledger in write-once storage outside the machine, as a verifier is given them. */

/** One slot of `<origin>/anchor/<k, 10 digits>.note`. */
export interface AnchorSlot {
  readonly slot: number
  /** Bytes of the first version that was written there: the one that counts. */
  readonly note: string
  /** How many versions there are; more than one is an overwriting that the storage kept. */
  readonly versions: number
  /** True where the newest version is a delete marker. */
  readonly deleted: boolean
  /** Until when nobody can remove it, milliseconds since the epoch; null where nothing holds it. */
  readonly heldUntil: number | null
  /** True where it is held in mode COMPLIANCE. */
  readonly compliance: boolean
}

/** All that is there of one log, slots ascending from 0. */
export interface AnchorReading {
  /** Where it was read, for people: `s3://bucket/prefix`. */
  readonly store: string
  readonly slots: readonly AnchorSlot[]
}

/** Data of the entry `anchor`: a checkpoint that is held outside. */
export interface AnchorData {
  readonly at: number
  /** SHA-256 of the note's bytes, hex. */
  readonly sha256: string
  readonly size: number
  readonly slot: number
  readonly store: string
  /** Of the object, as the store named it; empty where it does not. */
  readonly version: string
}

/** Entries between two anchors at most, while the storage answers. */
export const anchorEntriesMax = 16_384

/** So long between two anchors at most, where anything was written. */
export const anchorMs = 60_000

/** The file name of a slot. */
export function anchorName(slot: number): string {
  return `${String(slot).padStart(10, '0')}.note`
}
