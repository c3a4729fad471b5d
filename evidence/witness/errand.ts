/**
 * Brings one witness from the tree that it knows to the newest: first the notes that hand over to another key, in
 * their order, since it believes each key only by the one before; then the newest checkpoint.
 */
import { Failure } from '../../kernel/reasons.ts'
import type { DurableCheckpoint } from '../../ledger/checkpoint.ts'
import { addCheckpoint, type Limits, type Reply, type WitnessPlace } from './client.ts'

/** A proof of consistency between two sizes of this ledger; empty from 0, and from a size to itself. */
export type Prove = (from: number, to: number) => Promise<readonly Buffer[]>

export interface Errand {
  readonly place: WitnessPlace
  /** What the witness is believed to have cosigned last. */
  readonly known: number
  /** Ascending by size; the last one is what is wanted. */
  readonly checkpoints: readonly DurableCheckpoint[]
  readonly prove: Prove
  readonly limits: Limits
}

export type Brought =
  | { readonly kind: 'cosigned'; readonly note: string; readonly size: number }
  /** The witness saw what this ledger does not have: a longer tree, or another of the same size. */
  | { readonly kind: 'conflict'; readonly message: string }

/** How often one checkpoint is offered: once as believed, once as the witness says, once more if it moved on. */
const offersMax = 3

/** errors  Failure where it has to be tried again later. */
export async function runErrand(errand: Errand): Promise<Brought> {
  const { checkpoints, place } = errand
  let { known } = errand
  const newest = checkpoints.at(-1)
  let refused = ''
  for (const checkpoint of checkpoints) {
    const isLast = checkpoint === newest
    // What it has cosigned it does not need again, but for the one that is wanted.
    if (checkpoint.size <= known && !isLast) continue
    const { reply, size } = await offered(errand, checkpoint, known)
    known = size
    if (reply.kind === 'cosigned') {
      known = checkpoint.size
      if (isLast) return { kind: 'cosigned', note: reply.note, size: checkpoint.size }
    } else if (reply.kind === 'elsewhere') {
      if (!isLast) continue
      const message = conflictOf(place, checkpoint, reply.size)
      if (message !== null) return { kind: 'conflict', message }
      throw unfinished(place, 'it cosigns for somebody else in between')
    } else {
      // A key that the witness has left behind already: a later note says where it stands.
      refused = `it answered ${reply.status} (${reply.why})`
    }
  }
  throw unfinished(place, refused === '' ? 'there was nothing to offer' : refused)
}

/** Offers one checkpoint, from the size that the witness says where it is another than believed. */
async function offered(
  { limits, place, prove }: Errand,
  { note, size }: DurableCheckpoint,
  believed: number,
): Promise<{ readonly reply: Reply; readonly size: number }> {
  let known = Math.min(believed, size)
  for (let offers = 1; ; offers += 1) {
    const proof = known === 0 || known === size ? [] : await prove(known, size)
    const reply = await addCheckpoint(place, { note, old: known, proof }, limits)
    if (reply.kind !== 'elsewhere') return { reply, size: known }
    const isStuck = reply.size === known || reply.size > size || offers === offersMax
    known = reply.size
    if (isStuck) return { reply, size: known }
  }
}

function conflictOf(place: WitnessPlace, { size }: DurableCheckpoint, seen: number): string | null {
  const { name } = place.key
  if (seen > size) {
    return `the witness ${name} says that it saw ${seen} entries; this ledger has a checkpoint of ${size}`
  }
  return seen === size
    ? `the witness ${name} says that it saw another tree of ${size} entries`
    : null
}

const unfinished = ({ key, url }: WitnessPlace, why: string): Failure =>
  new Failure('ledger-unavailable', `the witness ${key.name} at ${url} has not cosigned: ${why}`)
