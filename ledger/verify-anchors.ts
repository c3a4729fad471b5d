/** Judges anchors: whether what lies in write-once storage is of this ledger, is all there, and is near its end. */
import { createHash } from 'node:crypto'
import {
  type AnchorReading,
  type AnchorSlot,
  anchorEntriesMax,
  anchorMs,
  anchorName,
} from './anchor.ts'
import { type Note, parseNote } from './note.ts'
import type { Checkpoints, LedgerEnd } from './verify-checkpoints.ts'
import { type Details, type FindingCode, type Findings, findingOf } from './verify-report.ts'

/** A folder holds copies: nothing can be said of what keeps them. */
const folder = 'dir:'

export interface AnchorsOptions {
  readonly reading: AnchorReading
  readonly findings: Findings
  readonly checkpoints: Checkpoints
  /** Milliseconds since the epoch, for what is still held; null where nobody told. */
  readonly now: number | null
}

/** Sizes of the anchored trees, ascending, each once. */
export function sizesOf({ slots }: AnchorReading): readonly number[] {
  const notes = slots.map(({ note }) => parseNote(note))
  const sizes = notes.flatMap((note) => (typeof note === 'string' ? [] : [note.size]))
  return [...new Set(sizes)].sort((one, other) => one - other)
}

/** Holds one reading of the anchors against a ledger that was read to its end. */
export class Anchors {
  /** Of the largest anchored tree that is of this ledger. */
  lastSize = 0
  readonly #options: AnchorsOptions

  constructor(options: AnchorsOptions) {
    this.#options = options
  }

  /** ts  of the last entry, empty where there is none. */
  judge(end: LedgerEnd, ts: string): void {
    const { slots } = this.#options.reading
    for (const [index, slot] of slots.entries()) {
      const after = slots[index - 1]?.slot ?? -1
      if (slot.slot !== after + 1) {
        const message = `The slots ${after + 1} to ${slot.slot - 1} are not there.`
        this.#add('ANCHOR_VERSION', after + 1, { message })
      }
      this.#slot(slot, end)
    }
    this.#compareEntries()
    this.#judgeLock(slots.at(-1))
    this.#judgeLag(end, ts)
  }

  #slot(slot: AnchorSlot, end: LedgerEnd): void {
    if (slot.versions > 1 || slot.deleted) {
      const message = slot.deleted
        ? 'The slot was deleted.'
        : `The slot was written ${slot.versions} times.`
      this.#add('ANCHOR_VERSION', slot.slot, { actual: String(slot.versions), message })
    }
    const note = parseNote(slot.note)
    if (typeof note === 'string') {
      this.#add('ANCHOR_FORK', slot.slot, { message: `What lies there is no note: ${note}.` })
    } else if (note.size > end.size) {
      if (end.cut) return
      const values = { expected: String(note.size), actual: String(end.size), seq: end.size }
      this.#add('ANCHOR_AHEAD', slot.slot, values)
    } else this.#compare(slot.slot, note, end)
  }

  #compare(slot: number, note: Note, end: LedgerEnd): void {
    const { checkpoints } = this.#options
    const { sizes } = checkpoints
    const root = note.size === end.size ? end.root : (sizes.get(note.size)?.root ?? null)
    if (root === null) return
    if (root !== note.root) {
      this.#add('ANCHOR_FORK', slot, { expected: root, actual: note.root, seq: note.size })
      return
    }
    const fault = checkpoints.keys.faultOf(note, note.size, null)
    if (fault === null) this.lastSize = Math.max(this.lastSize, note.size)
    else if (fault.code === 'KEY_RANGE') this.#add('KEY_RANGE', slot, fault)
    else {
      const message = 'No valid signature of the key in force is on the anchor.'
      this.#add('ANCHOR_FORK', slot, { message, ...fault })
    }
  }

  /** What entries say was anchored there must be there: so the newest slots are missed, too. */
  #compareEntries(): void {
    const { checkpoints, reading } = this.#options
    const { slots, store } = reading
    const held = new Map(slots.map(({ note, slot }) => [slot, note]))
    for (const [name, sha256] of checkpoints.anchored) {
      const split = name.lastIndexOf(' ')
      const slot = Number(name.slice(split + 1))
      if (!store.startsWith(folder) && name.slice(0, split) !== store) continue
      const note = held.get(slot)
      const newest = slots.at(-1)?.slot ?? -1
      if (note === undefined && slot > newest) {
        const message = 'An entry says that it was anchored there, and the slot is not there.'
        this.#add('ANCHOR_VERSION', slot, { expected: sha256, message })
      } else if (note !== undefined && digestOf(note) !== sha256) {
        const message = 'The slot holds another note than its entry says.'
        this.#add('ANCHOR_VERSION', slot, { expected: sha256, actual: digestOf(note), message })
      }
    }
  }

  #judgeLock(newest: AnchorSlot | undefined): void {
    const { now, reading } = this.#options
    if (newest === undefined || reading.store.startsWith(folder)) return
    const open = reading.slots.filter(({ compliance, heldUntil }) => {
      return !compliance || heldUntil === null || heldUntil <= (now ?? 0)
    })
    const [first] = open
    if (first === undefined) return
    const message = `${open.length} of ${reading.slots.length} slots can be removed by whoever owns the storage.`
    this.#add('ANCHOR_LOCK', first.slot, { severity: 'warning', message })
  }

  #judgeLag(end: LedgerEnd, ts: string): void {
    const { checkpoints, reading } = this.#options
    if (reading.slots.length === 0 || end.cut || end.root === null) return
    if (this.lastSize === end.size) return
    const entries = end.size - this.lastSize
    const behind = checkpoints.sizes.get(this.lastSize)?.ts ?? ''
    const lagMs = behind === '' ? Number.POSITIVE_INFINITY : Date.parse(ts) - Date.parse(behind)
    if (entries <= 2 * anchorEntriesMax && lagMs <= 2 * anchorMs) return
    const newest = reading.slots.at(-1)?.slot ?? 0
    const message = `The newest anchor is ${entries} entries behind the end of the ledger.`
    this.#add('ANCHOR_LAG', newest, { severity: 'warning', seq: this.lastSize, message })
  }

  #add(code: FindingCode, slot: number, details: Details): void {
    const place = { segment: anchorName(slot), offset: 0 }
    this.#options.findings.add(findingOf(code, place, details))
  }
}

function digestOf(note: string): string {
  return createHash('sha256').update(note).digest('hex')
}
