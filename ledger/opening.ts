/** From a directory to a ledger that can be written: judged, locked, recovered, and begun or gone on with. */
import { CheckpointKeys } from './checkpoint-keys.ts'
import { syncContent } from './durable.ts'
import type { Receipt } from './entry.ts'
import { rethrown } from './failure.ts'
import { type Files, realFiles } from './files.ts'
import { prepareDirectory } from './filesystem.ts'
import { Frontier } from './frontier.ts'
import { noHash } from './line.ts'
import { type Lock, takeLock } from './lock.ts'
import { genesisSegment, nextSegment } from './next-segment.ts'
import { OpenSegment } from './open-segment.ts'
import type { LedgerOptions } from './options.ts'
import { Queue } from './queue.ts'
import { type Digest, type GenesisData, segmentBytesDefault } from './segment.ts'
import { type Recovered, recover } from './start.ts'
import { type Aside, putAside, segmentNames } from './stored-segment.ts'
import { dayOf, later, timestampOf, ulidOf } from './timestamp.ts'

export interface Opened {
  readonly options: LedgerOptions
  readonly files: Files
  readonly boot: string
  readonly lock: Lock
  readonly queue: Queue
  readonly segment: OpenSegment
  readonly genesis: GenesisData
  /** The last durable entry. */
  readonly last: Receipt
  /** A file without a whole line that was put out of the way; null where there was none. */
  readonly aside: Aside | null
  /** Keys of the checkpoints; null where none are signed. */
  readonly keys: CheckpointKeys | null
  /** The key in force; empty where none is. */
  readonly vkey: string
  /** True where a segment was begun that follows another. */
  readonly follows: boolean
}

/** True where a segment should end: it is large, or of another day than the entry that would follow. */
export function segmentIsOver(
  options: LedgerOptions,
  segment: { readonly bytes: number; readonly entries: number; readonly day: string },
  day: string,
): boolean {
  if (segment.entries <= 1) return false
  return segment.bytes >= (options.segmentBytesMax ?? segmentBytesDefault) || segment.day !== day
}

/** errors  Failure for whatever stands in the way; the lock is free again then. */
export async function opened(options: LedgerOptions): Promise<Opened> {
  const { directory, lockFile } = options
  const files = options.files ?? realFiles
  try {
    await prepareDirectory(directory, files, options.anyFilesystem ?? false)
    const lock = await takeLock(lockFile)
    try {
      return await begun(options, files, lock)
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    throw rethrown(error, `the ledger in ${directory} cannot be opened`)
  }
}

async function begun(options: LedgerOptions, files: Files, lock: Lock): Promise<Opened> {
  const { directory } = options
  const boot = ulidOf(options.now(), options.random(10))
  let names = segmentNames(files, directory)
  const newest = names.at(-1)
  const aside =
    newest === undefined ? null : await putAside(files, directory, { name: newest, boot })
  if (aside !== null) names = names.slice(0, -1)
  const keys = keysOf(options, files)
  const base = { options, files, boot, lock, aside, keys }
  if (names.length === 0) {
    options.restore(null)
    const queue = new Queue(boot, { seq: 0, hash: noHash, ts: '' }, new Frontier(0, []))
    const sign = keys === null ? null : async (origin: string) => (await keys.make(origin)).vkey
    const { genesis, make, receipt } = await genesisSegment({ options, files, queue }, sign)
    const rest = { genesis, segment: await make(), last: receipt, vkey: genesis.vkey }
    return { ...base, queue, ...rest, follows: false }
  }
  const { fold, restore, verifyAll } = options
  const found = recover({ directory, files, all: verifyAll ?? false, restore, fold }, names)
  const queue = new Queue(boot, found.position, found.frontier)
  const last = { seq: found.position.seq - 1, hash: found.position.hash }
  const { genesis, vkey } = found
  const today = dayOf(later(timestampOf(options.now()), found.position.ts))
  if (found.clean && !segmentIsOver(options, found.last, today)) {
    const segment = OpenSegment.resume(files, directory, found.last)
    return { ...base, queue, genesis, segment, last, vkey, follows: false }
  }
  // What a killed process wrote may be in memory only, and from here on it counts.
  await syncContent(files, `${directory}/${found.last.name}`)
  const { make, receipt } = nextSegment({ options, files, queue }, endedOf(found))
  const segment = await make()
  return { ...base, queue, genesis, segment, last: receipt, vkey, follows: true }
}

/** errors  Failure where their directory cannot be used. */
function keysOf({ checkpoints }: LedgerOptions, files: Files): CheckpointKeys | null {
  if (checkpoints === undefined) return null
  const { directory, generate } = checkpoints
  const keys = new CheckpointKeys({ files, directory, generate })
  keys.prepare()
  return keys
}

function endedOf(found: Recovered): {
  readonly previous: Digest & { readonly name: string }
  readonly clean: boolean
  readonly torn: Digest | null
  readonly vkey: string
} {
  const { bytes, digest, name } = found.last
  const previous = { bytes, name, sha256: digest.copy().digest('hex') }
  return { previous, clean: found.clean, torn: found.torn, vkey: found.vkey }
}
