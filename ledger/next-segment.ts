/** The first entry of each file: `log.genesis` once, then `segment.open`, which binds the file before. */
import { assert } from '../kernel/contract.ts'
import type { Receipt } from './entry.ts'
import type { Files } from './files.ts'
import { OpenSegment } from './open-segment.ts'
import type { LedgerOptions } from './options.ts'
import type { Batch, Line, Queue } from './queue.ts'
import { type Digest, type GenesisData, type SegmentOpenData, segmentName } from './segment.ts'
import { snapshotOf, writeSnapshot } from './snapshot-file.ts'
import { dayOf } from './timestamp.ts'

/** A segment whose first entry is numbered already, so that nothing can come before it. */
export interface NextSegment {
  readonly receipt: Receipt
  /** Makes it durable; to be called when the segment before is. */
  make(): Promise<OpenSegment>
}

/** What the next segment says of the one before. */
export interface Ended {
  readonly previous: Digest & { readonly name: string }
  readonly clean: boolean
  readonly torn: Digest | null
  /** Key of the checkpoints that is in force behind it. */
  readonly vkey: string
}

export interface Making {
  readonly options: LedgerOptions
  readonly files: Files
  readonly queue: Queue
}

/** Begins a ledger. sign  makes the first key of its checkpoints durable, and answers it; null where none signs. */
export async function genesisSegment(
  making: Making,
  sign: ((origin: string) => Promise<string>) | null,
): Promise<NextSegment & { readonly genesis: GenesisData }> {
  const { options } = making
  const log_id = options.random(16).toString('hex')
  const origin = typeof options.origin === 'string' ? options.origin : options.origin(log_id)
  const genesis: GenesisData = {
    created_by: options.createdBy,
    hash: 'sha256-rfc6962-leaf',
    log_id,
    origin,
    spec: 'haltgate-ledger/1',
    vkey: sign === null ? '' : await sign(origin),
  }
  const batch = first(making, { actor: {}, data: genesis, kind: 'log.genesis' })
  return { ...next(making, batch, async () => {}), genesis }
}

/**
 * Begins the segment after an ended one. Snapshot and first entry are made in the caller's turn.
 *
 * asserts  nothing waits in the queue: every entry so far lies in the segments before.
 */
export function nextSegment(making: Making, ended: Ended): NextSegment {
  const { files, options, queue } = making
  const { seq } = queue.position
  const snapshot = snapshotOf(seq, options.snapshot())
  const { bytes, name, sha256 } = ended.previous
  const data: Omit<SegmentOpenData, 'vkey'> & { readonly vkey?: string } = {
    clean: ended.clean,
    first_seq: seq,
    frontier: queue.roots,
    previous: { bytes, name, sha256 },
    snapshot: { name: snapshot.name, sha256: snapshot.sha256 },
    torn: ended.torn,
    tree_size: seq,
    ...(ended.vkey === '' ? {} : { vkey: ended.vkey }),
  }
  const batch = first(making, { actor: {}, data, kind: 'segment.open' })
  return next(making, batch, () => writeSnapshot(files, options.directory, snapshot))
}

function first(making: Making, line: Line): Batch {
  const { options, queue } = making
  assert(queue.entries === 0, 'nothing waits when a segment begins')
  queue.push(line, options.now(), null)
  const batch = queue.take()
  assert(batch.entries === 1, 'a segment begins with one entry')
  return batch
}

function next(making: Making, batch: Batch, prepare: () => Promise<void>): NextSegment {
  const { files, options, queue } = making
  const receipt = batch.last
  const name = segmentName(receipt.seq)
  const day = dayOf(queue.position.ts)
  const make = async (): Promise<OpenSegment> => {
    await prepare()
    const segment = await OpenSegment.make(files, options.directory, {
      name,
      day,
      line: batch.bytes,
    })
    queue.reuse(batch)
    return segment
  }
  return { receipt, make }
}
