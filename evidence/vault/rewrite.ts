/** Takes the openings of one subject out of a vault's segments, and leaves everything else byte for byte. */
import { syncNames, writeAll } from '../../ledger/durable.ts'
import type { Files } from '../../ledger/files.ts'
import { linesOf, vaultSegments } from './read.ts'
import { erasedLine, parseRecord, type VaultRecord } from './record.ts'

/** Lines between two pauses. */
const pauseLines = 256

const chunkBytes = 256 * 1024

export interface Rewriting {
  readonly directory: string
  readonly files: Files
  /** Whose records, by id, and sealed with which key. */
  readonly subject: string
  readonly key: string
  /** The segment that is written to, which holds nothing of it; empty where none is. */
  readonly writing: string
  readonly pause: () => Promise<void>
}

/** Rewrites each segment that holds something of it; may be repeated after a crash at any point. */
export async function rewriteSegments(of: Rewriting): Promise<void> {
  for (const name of vaultSegments(of.directory)) {
    if (name !== of.writing && (await holds(of, name))) await rewrite(of, name)
  }
}

/** The record of a line that is to be erased; null for every other line. */
function wanted({ key, subject }: Rewriting, line: Buffer): VaultRecord | null {
  // Most lines are another's: parsing them all took ten times as long.
  if (!line.includes(subject)) return null
  const record = parseRecord(line.toString('utf8'))
  if (record === null || record.sealed === null) return null
  return record.subject === subject && record.key === key ? record : null
}

async function holds(of: Rewriting, name: string): Promise<boolean> {
  let seen = 0
  for (const { bytes } of linesOf(`${of.directory}/${name}`)) {
    if (wanted(of, bytes) !== null) return true
    seen += 1
    if (seen % pauseLines === 0) await of.pause()
  }
  return false
}

/**
 *   open(name.new, O_EXCL)   a crash leaves a stranger, which the next rewriting removes
 *   write, fdatasync         … or a whole one
 *   rename                   the segment is the old or the new one
 *   fsync(directory)         and stays so
 */
async function rewrite(of: Rewriting, name: string): Promise<void> {
  const { directory, files, pause } = of
  const path = `${directory}/${name}`
  const half = `${path}.new`
  if (files.factsAt(half) !== null) files.remove(half)
  const descriptor = files.open(half, 'create')
  try {
    let chunk: Buffer[] = []
    let bytes = 0
    const flush = (): void => {
      writeAll(files, descriptor, Buffer.concat(chunk))
      chunk = []
      bytes = 0
    }
    for (const line of linesOf(path)) {
      const record = wanted(of, line.bytes)
      const kept = record === null ? Buffer.from(line.bytes) : Buffer.from(erasedLine(record))
      chunk.push(kept)
      bytes += kept.length
      if (bytes < chunkBytes) continue
      flush()
      await pause()
    }
    flush()
    await files.sync(descriptor)
    files.rename(half, path)
  } finally {
    files.close(descriptor)
  }
  await syncNames(files, directory)
}
