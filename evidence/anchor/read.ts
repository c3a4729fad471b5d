/** Reads all anchors of one log for a verifier: from a bucket, or from a directory that somebody copied it to. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { Failure } from '../../kernel/reasons.ts'
import type { AnchorReading, AnchorSlot } from '../../ledger/anchor.ts'
import type { After } from '../../ledger/deadline.ts'
import { realAfter } from '../../ledger/deadline.ts'
import { noteBytesMax } from '../../ledger/note.ts'
import { Bucket } from './bucket.ts'
import type { Marker, Version } from './listing.ts'
import { namesOf, slotOf } from './names.ts'
import type { Environment } from './place.ts'

export interface ReadAnchorsOptions {
  /** `s3://bucket/prefix`, or a directory with files `<slot, 10 digits>.note`. */
  readonly store: string
  readonly origin: string
  readonly environment: Environment
  readonly now: () => number
  readonly after?: After
}

/** Two years of an anchor a minute, all of which are kept in memory: about 1 KiB each. */
const slotsMax = 1_100_000

/** Notes that are asked for at the same time. */
const together = 8

/** errors  Failure where the store cannot be read. */
export async function readAnchors(options: ReadAnchorsOptions): Promise<AnchorReading> {
  const { environment, now, origin, store } = options
  if (!store.startsWith('s3://')) return readDirectory(store)
  const bucket = Bucket.at(store, environment, { now, after: options.after ?? realAfter })
  const { anchors } = namesOf(bucket.prefix, origin)
  const found = await versionsBySlot(bucket, anchors)
  const slots: AnchorSlot[] = []
  const waiting = [...found].sort(([one], [other]) => one - other).entries()
  const reader = async (): Promise<void> => {
    // One iterator for all readers: each takes the next.
    for (const [index, [slot, versions]] of waiting) {
      const read = await slotFrom(bucket, slot, versions)
      if (read !== null) slots[index] = read
    }
  }
  await Promise.all(Array.from({ length: together }, reader))
  return { store: bucket.text, slots: slots.filter((slot) => slot !== undefined) }
}

/** All that was ever written to each slot, the newest first. Names that are none of a slot are not looked at. */
async function versionsBySlot(
  bucket: Bucket,
  anchors: string,
): Promise<ReadonlyMap<number, readonly Version[]>> {
  const found = new Map<number, Version[]>()
  let after: Marker | null = null
  do {
    const page = await bucket.page(anchors, after)
    for (const version of page.versions) {
      const slot = slotOf(version.key.slice(anchors.length))
      if (slot === null || !version.key.startsWith(anchors)) continue
      const known = found.get(slot)
      if (known === undefined) found.set(slot, [version])
      else known.push(version)
    }
    if (found.size > slotsMax) {
      const sentence = `${bucket.text} has more than ${slotsMax} anchors; copy those that matter to a directory`
      throw new Failure('ledger-unavailable', sentence)
    }
    if (page.next !== null && page.next.key === after?.key && page.next.id === after.id) {
      throw new Failure('ledger-unavailable', `${bucket.text} lists the same page without an end`)
    }
    after = page.next
  } while (after !== null)
  return found
}

/** Null where nothing but a delete marker is there: nobody ever anchored anything in it. */
async function slotFrom(
  bucket: Bucket,
  slot: number,
  versions: readonly Version[],
): Promise<AnchorSlot | null> {
  const kept = versions.filter(({ deleted }) => !deleted)
  const first = kept.at(-1)
  if (first === undefined) return null
  const stored = await bucket.read(first.key, first.id, noteBytesMax + 1)
  if (stored === null) {
    const sentence = `${bucket.text}: ${first.key} is listed, and cannot be read; read again`
    throw new Failure('ledger-unavailable', sentence)
  }
  return {
    slot,
    note: stored.bytes.toString('utf8'),
    versions: kept.length,
    deleted: versions.some(({ deleted, latest }) => deleted && latest),
    heldUntil: stored.heldUntil,
    compliance: stored.compliance,
  }
}

/** Files that a person copied: nothing holds them. errors  Failure where it is no directory. */
function readDirectory(store: string): AnchorReading {
  try {
    const slots = readdirSync(store)
      .map((name) => ({ name, slot: slotOf(name) }))
      .filter((one): one is { name: string; slot: number } => one.slot !== null)
      .sort((one, other) => one.slot - other.slot)
      .map(({ name, slot }) => {
        const path = `${store}/${name}`
        const { size } = statSync(path)
        // Longer than any note: it is shown as the nonsense that it is, and not read.
        const note = size > 4 * noteBytesMax ? '' : readFileSync(path, 'utf8')
        return { slot, note, versions: 1, deleted: false, heldUntil: null, compliance: false }
      })
    return { store, slots }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const sentence = `the anchors in ${store} cannot be read: ${why}`
    throw new Failure('ledger-unavailable', sentence, { cause: error })
  }
}
