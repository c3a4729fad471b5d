/** Before a gate starts: where the slots of its log end, and whether what they hold is this ledger's own past. */
import { Failure } from '../../kernel/reasons.ts'
import { noteBytesMax, parseNote } from '../../ledger/note.ts'
import { Bucket } from './bucket.ts'
import { foreignness } from './foreign.ts'
import { type Names, namesOf, slotOf } from './names.ts'
import type { Environment } from './place.ts'
import type { Clock, RootAt } from './ports.ts'

export interface ReconcileOptions {
  readonly store: string
  readonly origin: string
  readonly environment: Environment
  readonly clock: Clock
  readonly rootAt: RootAt
  /** A slot that is known to be there, so that fewer pages are read: that of the ledger's last entry `anchor`. */
  readonly known?: number
}

export type Reconciled =
  /** slot: the next free one; size: how much of the ledger the newest anchor covers, 0 where there is none. */
  | { readonly kind: 'sound'; readonly slot: number; readonly size: number }
  /** rollback: entries that were anchored are not in this ledger. fork: this ledger has others in their place. */
  | { readonly kind: 'fork' | 'rollback'; readonly message: string }

/**
 * Looks at the newest anchor of this log.
 *
 * errors  Failure where the store cannot be asked: then nobody knows whether this ledger is the newest.
 */
export async function reconcile(options: ReconcileOptions): Promise<Reconciled> {
  const { clock, environment, origin, rootAt, store } = options
  const bucket = Bucket.at(store, environment, clock)
  const names = namesOf(bucket.prefix, origin)
  const last = await newestSlot(bucket, names, options.known ?? -1)
  if (last === null) {
    if (options.known === undefined) return { kind: 'sound', slot: 0, size: 0 }
    const message = `${bucket.text}: the ledger says that slot ${options.known} is anchored, and none is there`
    return { kind: 'fork', message }
  }
  const key = names.slot(last)
  const listed = await bucket.versionsOf(key)
  let size = 0
  for (const { deleted, id } of listed) {
    if (deleted) continue
    const found = await bucket.read(key, id, noteBytesMax + 1)
    if (found === null) throw new Failure('ledger-unavailable', `${bucket.text}: ${key} is gone`)
    const text = found.bytes.toString('utf8')
    const foreign = await foreignness(text, { origin, rootAt })
    if (foreign !== null) {
      const message = `${bucket.text}: ${key} is no part of this ledger's past: ${foreign.message}`
      return { kind: foreign.ahead ? 'rollback' : 'fork', message }
    }
    const note = parseNote(text)
    if (typeof note !== 'string') size = Math.max(size, note.size)
  }
  return { kind: 'sound', slot: last + 1, size }
}

/** The last that has a name. */
const slotMax = 9_999_999_999

/** Doubling and halving find the end of the longest list with fewer; a store that turns in circles does not end. */
const pagesMax = 100

/** The highest slot that anything was ever written to; null where there is none. Slots have no gaps. */
async function newestSlot(bucket: Bucket, names: Names, known: number): Promise<number | null> {
  let pages = 0
  /** The highest of one page behind a slot (some stores begin with that slot itself), and whether there are more. */
  const behind = async (slot: number): Promise<{ last: number | null; more: boolean }> => {
    pages += 1
    if (pages > pagesMax) {
      throw new Failure('ledger-unavailable', `${bucket.text}: its list of anchors has no end`)
    }
    const after = slot < 0 ? null : { key: names.slot(slot), id: '' }
    const page = await bucket.page(names.anchors, after)
    const slots = page.versions.map(({ key }) => slotOf(key.slice(names.anchors.length)) ?? -1)
    const last = Math.max(-1, ...slots)
    return { last: last < 0 ? null : last, more: page.next !== null }
  }
  const first = await behind(known - 1)
  if (first.last === null || !first.more) return first.last
  // Steps that double find a slot behind which there is nothing, and halving finds the end between the two.
  let present = first.last
  let step = 1_000
  let absent = present + step
  for (;;) {
    const { last, more } = await behind(absent)
    if (last !== null && !more) return last
    if (last === null) break
    present = last
    step *= 2
    absent = Math.min(present + step, slotMax)
  }
  for (;;) {
    const { last, more } = await behind(present)
    if (last === null || !more) return last ?? present
    const middle = Math.max(last, Math.floor((last + absent) / 2))
    const beyond = await behind(middle)
    present = beyond.last ?? last
    if (beyond.last === null) absent = middle
    else if (!beyond.more) return beyond.last
  }
}
