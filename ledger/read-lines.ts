/** Lines of a file, one after the other, in memory that does not grow with the file. */
import type { Hash } from 'node:crypto'
import { unavailable } from './failure.ts'
import type { Files } from './files.ts'

export interface StoredLine {
  /** Valid until the next one is asked for; with its LF, where it has one. */
  readonly bytes: Buffer
  /** Where it begins in the file. */
  readonly offset: number
}

/** Far more than a line may have: a line that is longer comes in pieces, none of which is valid. */
const windowBytes = 1024 * 1024

/** Reads the lines between two offsets of an open file. */
export function* linesOf(
  files: Files,
  descriptor: number,
  range: { readonly from: number; readonly to: number },
): Generator<StoredLine> {
  const window = Buffer.allocUnsafe(windowBytes)
  let offset = range.from
  let filled = 0
  for (;;) {
    const room = Math.min(windowBytes - filled, range.to - offset - filled)
    const count =
      room === 0
        ? 0
        : files.read(descriptor, window.subarray(filled, filled + room), offset + filled)
    filled += count
    let start = 0
    for (;;) {
      const end = window.indexOf(0x0a, start)
      if (end < 0 || end >= filled) break
      yield { bytes: window.subarray(start, end + 1), offset: offset + start }
      start = end + 1
    }
    if (start === 0 && (filled === windowBytes || count === 0)) {
      if (filled === 0) return
      yield { bytes: window.subarray(0, filled), offset }
      start = filled
    }
    window.copyWithin(0, start, filled)
    offset += start
    filled -= start
  }
}

/** Adds the bytes between two offsets to a hash; answers how many there were. */
export function digestRange(
  files: Files,
  descriptor: number,
  range: { readonly from: number; readonly to: number; readonly digest: Hash },
): number {
  const window = Buffer.allocUnsafe(windowBytes)
  let offset = range.from
  while (offset < range.to) {
    const room = Math.min(windowBytes, range.to - offset)
    const count = files.read(descriptor, window.subarray(0, room), offset)
    if (count === 0) break
    range.digest.update(window.subarray(0, count))
    offset += count
  }
  return offset - range.from
}

/** Bytes of a file; errors: Failure where it is gone. */
export function sizeOf(files: Files, path: string): number {
  const facts = files.factsAt(path)
  if (facts === null) throw unavailable(`${path} was removed while it was looked at`)
  return facts.bytes
}

/** A whole file, as far as it goes: for files that are small. */
export function contentOf(files: Files, path: string): Buffer {
  const content = Buffer.alloc(sizeOf(files, path))
  const descriptor = files.open(path, 'read')
  let filled = 0
  try {
    while (filled < content.length) {
      const count = files.read(descriptor, content.subarray(filled), filled)
      if (count === 0) break
      filled += count
    }
  } finally {
    files.close(descriptor)
  }
  return content.subarray(0, filled)
}
