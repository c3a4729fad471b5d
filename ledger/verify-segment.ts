/** Reads one segment to its end and hands each line to the chain. */
import { createHash } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { LineReader } from './scan-lines.ts'
import type { Chain } from './verify-chain.ts'
import { LineCheck } from './verify-line.ts'

/** A segment and the size that it had when the verification began. */
export interface SegmentFile {
  readonly name: string
  readonly path: string
  readonly firstSeq: number
  readonly bytes: number
}

export interface ReadOptions {
  /** Whether its SHA-256 is asked for: nobody records that of the newest one. */
  readonly digest: boolean
  /** The entry behind which nothing is read. */
  readonly to: number
  /** Told of the bytes read, about four times a megabyte. */
  readonly progress: (bytes: number) => void
}

export interface ReadEnd {
  /** Bytes read. */
  readonly position: number
  /** False where no LF closes the last line. */
  readonly ended: boolean
  /** Of the whole file; empty where nobody asked. */
  readonly sha256: string
}

/** errors  those of the system calls. */
export function readSegment(chain: Chain, file: SegmentFile, options: ReadOptions): ReadEnd {
  const { progress, to } = options
  const digest = options.digest ? createHash('sha256') : null
  const descriptor = openSync(file.path, 'r')
  const reader = new LineReader(descriptor, file.bytes, digest)
  try {
    const check = new LineCheck(reader)
    while (!isOver(chain, to) && reader.fill()) {
      while (!isOver(chain, to) && reader.next()) chain.line(reader, check)
      progress(reader.position)
    }
  } finally {
    closeSync(descriptor)
  }
  const { ended, position } = reader
  return { position, ended, sha256: digest?.digest('hex') ?? '' }
}

/** True where the last entry that was asked for has been read. */
export function isOver(chain: Chain, to: number): boolean {
  return chain.next > to && chain.entries > 0
}
