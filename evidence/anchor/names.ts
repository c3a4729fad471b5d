/** What the objects of one log are called in a bucket: `PREFIX/ORIGIN/anchor/SLOT.note`, `PREFIX/ORIGIN/segment/NAME`. */
import { Failure } from '../../kernel/reasons.ts'
import { anchorName } from '../../ledger/anchor.ts'
import { isPath } from './place.ts'

export interface Names {
  /** What the keys of all slots begin with. */
  readonly anchors: string
  slot(slot: number): string
  segment(name: string): string
}

/** prefix  empty, or with a slash at its end. errors  Failure where the origin cannot stand in a key. */
export function namesOf(prefix: string, origin: string): Names {
  if (!isPath(origin)) {
    const sentence = `the origin '${origin}' cannot be a part of the name of an object`
    throw new Failure('ledger-unavailable', sentence)
  }
  const anchors = `${prefix}${origin}/anchor/`
  return {
    anchors,
    slot: (slot) => `${anchors}${anchorName(slot)}`,
    segment: (name) => `${prefix}${origin}/segment/${name}`,
  }
}

/** The number of a slot by its name; null where it is none. */
export function slotOf(name: string): number | null {
  const digits = /^(\d{10})\.note$/.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}
