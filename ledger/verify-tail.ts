/** Judges what lies behind the last sound line of the newest file. */
import { batchBytesMax } from './queue.ts'
import type { Chain } from './verify-chain.ts'
import { type Finding, findingOf, type Report } from './verify-report.ts'
import type { ReadEnd, SegmentFile } from './verify-segment.ts'

/** A crash leaves one batch half written; what is longer no writer left. */
const tornBytesMax = 2 * batchBytesMax

export interface Tail {
  readonly state: Report['tail']
  /** Null where nothing is wrong, or the chain has it among its own. */
  readonly finding: Finding | null
}

export async function tailOf(
  chain: Chain,
  newest: {
    readonly file: SegmentFile
    readonly end: ReadEnd
    readonly isLive: () => Promise<boolean>
  },
): Promise<Tail> {
  const { end, file, isLive } = newest
  const bytes = file.bytes - chain.good
  const unended = chain.tail.count === 1 && !end.ended
  if (bytes === 0 && chain.good > 0) {
    return { state: { state: chain.closed ? 'clean' : 'unclean', bytes: 0 }, finding: null }
  }
  if (unended && chain.good > 0 && (await isLive())) {
    return { state: { state: 'unclean', bytes }, finding: null }
  }
  const state = { state: 'torn', bytes } as const
  if (bytes > tornBytesMax || (chain.entries === 0 && !unended && bytes > 0)) {
    // No crash of a writer leaves so much, nor whole lines where not one entry is sound.
    chain.settleTail()
    return { state, finding: null }
  }
  const message = `${bytes} bytes at the end are not a whole valid line: a write that a crash cut off, or a change of the last entry.`
  const place = { segment: file.name, offset: chain.good }
  const values = { seq: chain.next, actual: String(bytes), message }
  return { state, finding: findingOf('TORN_TAIL', place, { severity: 'warning', ...values }) }
}
