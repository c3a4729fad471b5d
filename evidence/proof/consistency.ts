/** Proves that a ledger only grew: between two of its sizes, or from a checkpoint that was kept elsewhere. */
import { Failure } from '../../kernel/reasons.ts'
import { isOfIndex, openTiles } from './index-tiles.ts'
import type { HeldNote } from './notes.ts'
import {
  type OpenLedger,
  openLedger,
  type ProofPlaces,
  type ProofSource,
  refusal,
  rolledBack,
  selfChecked,
  type Unproven,
} from './prove.ts'
import { UnsoundEntry } from './segments.ts'
import { consistencyRanges, type NodeSource, rootsOf } from './tree.ts'
import { verifyConsistency } from './verify.ts'

/** A tree of the ledger. */
export interface ProvenTree {
  readonly size: number
  /** Lower-case hex. */
  readonly root: string
  /** The checkpoint of this size, verbatim; null where there is none. */
  readonly note: string | null
}

export interface ProvenGrowth {
  readonly proven: true
  readonly from: ProvenTree
  readonly to: ProvenTree
  readonly hashes: readonly Buffer[]
  /** Size of the signed checkpoint that the larger tree was proven to be part of; null where none covers it. */
  readonly signedBy: number | null
  readonly source: ProofSource
  readonly bytesRead: number
}

/**
 * Proves that the tree of a size goes on from that of a smaller one.
 *
 * errors  those of the file system.
 */
export async function proveGrowth(
  places: ProofPlaces,
  sizes: { readonly from: number; readonly to: number },
): Promise<ProvenGrowth | Unproven> {
  return await guarded(async () => {
    const ledger = openLedger(places)
    const { segments } = ledger
    if (sizes.to > segments.size) {
      const many = `the ledger has ${segments.size} entries, and not ${sizes.to}`
      return rolledBack(ledger, sizes.to - 1) ?? refusal(1, many)
    }
    const cover = covering(ledger, sizes.to)
    if (cover === null) return fromBytes(ledger, sizes, null)
    const size = cover.note.size
    const found = await selfChecked(places, { segments, size }, (source) =>
      growthIn(source, sizes, cover.note),
    )
    const root = `${places.directory}: its entries do not have the root of its checkpoint of ${size}`
    if (found === null) {
      return rolledBack(ledger, size - 1) ?? refusal(1, `${root}; run haltgate audit verify`)
    }
    return withNotes(ledger, {
      ...found.answer,
      sizes,
      signedBy: size,
      source: found.source,
    })
  })
}

/**
 * Tells whether the ledger goes on from a checkpoint that was kept elsewhere: every byte up to the larger size is
 * read and hashed, and neither the index nor a frontier is believed. Refused with exit 4 where it does not.
 *
 * to      a size of the ledger; its newest checkpoint, or its end, where left out.
 * errors  those of the file system.
 */
export async function proveContinuation(
  places: ProofPlaces,
  kept: HeldNote,
  to?: number,
): Promise<ProvenGrowth | Unproven> {
  return await guarded(async () => {
    const ledger = openLedger(places)
    const { notes, published, segments } = ledger
    const from = kept.note.size
    if (kept.note.origin !== notes.origin) {
      const origins = `it is of ${notes.origin}, and the checkpoint is of ${kept.note.origin}`
      return refusal(4, `this is another ledger: ${origins}`)
    }
    if (segments.size < from) {
      const sizes = `the checkpoint covers ${from} entries, and its files hold ${segments.size}`
      return refusal(4, `the ledger was rolled back: ${sizes}`)
    }
    const newest = published?.note.size ?? 0
    const end = to ?? (newest >= from && newest <= segments.size ? newest : segments.size)
    if (end > segments.size) {
      const many = `the ledger has ${segments.size} entries, and not ${end}`
      return rolledBack(ledger, end - 1) ?? refusal(1, many)
    }
    return fromBytes(ledger, { from, to: end }, kept.note.root)
  })
}

/**
 * The hashes that prove that a signed tree goes on from a smaller size, from the index alone: no segment is read, so
 * that a gate may ask in the middle of its work.
 *
 * errors  Failure where the index is missing, behind or wrong: it is to be asked again later.
 */
export async function proveFromIndex(
  indexFile: string,
  from: number,
  signed: SignedRoot,
): Promise<readonly Buffer[]> {
  const tiles = await openTiles(indexFile, signed.size)
  const behind = new Failure('ledger-unavailable', `${indexFile} does not hold the tree yet`)
  if (tiles === null) throw behind
  try {
    const growth = growthIn(tiles, { from, to: signed.size }, signed)
    if (growth === null) throw behind
    return growth.hashes
  } catch (error) {
    if (isOfIndex(error)) throw behind
    throw error
  } finally {
    tiles.close()
  }
}

async function guarded(
  work: () => Promise<ProvenGrowth | Unproven>,
): Promise<ProvenGrowth | Unproven> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UnsoundEntry) return refusal(1, error.message)
    throw error
  }
}

/** Of a checkpoint, lower-case hex. */
export interface SignedRoot {
  readonly size: number
  readonly root: string
}

interface Growth {
  readonly fromRoot: Buffer
  readonly toRoot: Buffer
  readonly hashes: readonly Buffer[]
}

/** What a source says, where it holds against a signed root: of the larger size, or of one beyond it. */
function growthIn(
  source: NodeSource,
  { from, to }: { readonly from: number; readonly to: number },
  { root, size }: SignedRoot,
): Growth | null {
  const path = consistencyRanges({ from, to })
  const beyond = consistencyRanges({ from: to, to: size })
  const roots = rootsOf(source, [{ from: 0, to: from }, { from: 0, to }, ...path, ...beyond])
  const [fromRoot, toRoot, ...rest] = roots
  if (fromRoot === undefined || toRoot === undefined) return null
  const hashes = rest.slice(0, path.length)
  const signed = { from: to, to: size, fromRoot: toRoot, toRoot: Buffer.from(root, 'hex') }
  const holds =
    verifyConsistency({ from, to, fromRoot, toRoot, hashes }) &&
    verifyConsistency({ ...signed, hashes: rest.slice(path.length) })
  return holds ? { fromRoot, toRoot, hashes } : null
}

/**
 * The same where no checkpoint covers the larger size, or none is believed: from the bytes of all entries.
 *
 * expected  root of the smaller tree as somebody else kept it, lower-case hex; null where nobody did.
 */
function fromBytes(
  ledger: OpenLedger,
  sizes: { readonly from: number; readonly to: number },
  expected: string | null,
): ProvenGrowth | Unproven {
  const { segments } = ledger
  const { from, to } = sizes
  const roots = segments.rootsFromBytes([from, to])
  const root = roots.get(from) ?? ''
  if (expected !== null && root !== expected) {
    const both = `its first ${from} entries have the root ${root}, and the checkpoint says ${expected}`
    return refusal(4, `the ledger is a fork: ${both}`)
  }
  const [fromRoot, toRoot] = [root, roots.get(to) ?? ''].map((hex) => Buffer.from(hex, 'hex'))
  if (fromRoot === undefined || toRoot === undefined) return refusal(1, 'there is no such tree')
  const hashes = rootsOf(segments, consistencyRanges(sizes))
  if (!verifyConsistency({ from, to, fromRoot, toRoot, hashes })) {
    return refusal(
      1,
      'a segment does not describe the entries before it; run haltgate audit verify',
    )
  }
  return withNotes(ledger, { fromRoot, toRoot, hashes, sizes, signedBy: null, source: 'segments' })
}

/** Adds the checkpoints of both sizes; refuses where one of them says another root. */
function withNotes(
  ledger: OpenLedger,
  growth: Growth & {
    readonly sizes: { readonly from: number; readonly to: number }
    readonly signedBy: number | null
    readonly source: ProofSource
  },
): ProvenGrowth | Unproven {
  const { fromRoot, hashes, signedBy, sizes, source, toRoot } = growth
  const trees: ProvenTree[] = []
  for (const { root, size } of [
    { size: sizes.from, root: fromRoot.toString('hex') },
    { size: sizes.to, root: toRoot.toString('hex') },
  ]) {
    const held = noteOfSize(ledger, size)
    if (held !== null && held.note.root !== root) {
      const says = `its checkpoint of ${size} says the root ${held.note.root}`
      return refusal(1, `the first ${size} entries have the root ${root}, and ${says}`)
    }
    trees.push({ size, root, note: held?.text ?? null })
  }
  const [from, to] = trees
  if (from === undefined || to === undefined) return refusal(1, 'there is no such tree')
  const signed = signedBy ?? (to.note === null ? null : to.size)
  const { bytesRead } = ledger.segments
  return { proven: true, from, to, hashes, signedBy: signed, source, bytesRead }
}

function noteOfSize({ notes, published }: OpenLedger, size: number): HeldNote | null {
  if (size === 0) return null
  return published?.note.size === size ? published : notes.ofSize(size)
}

/** The newest checkpoint of at least this size. */
function covering({ notes, published }: OpenLedger, size: number): HeldNote | null {
  if (published !== null && published.note.size >= size) return published
  return notes.newest(size - 1)
}
