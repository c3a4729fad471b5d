/** Proofs of many entries at once, from one pass over the ledger; each is verified before it is handed out. */
import { Failure } from '../../kernel/reasons.ts'
import { noHash } from '../../ledger/line.ts'
import { everything, noFlaws, type SoundLine, selectedLines } from '../export/select.ts'
import type { HeldNote } from '../proof/notes.ts'
import { writeTlogProof } from '../proof/tlog-proof.ts'
import { inclusionRanges, rootsOf } from '../proof/tree.ts'
import { verifyInclusion } from '../proof/verify.ts'
import { CollectedNodes } from './nodes.ts'

/**
 * Proofs of inclusion in the tree of a note, ascending by seq.
 *
 * errors  Failure where the ledger is no longer what the first pass read.
 */
export function* proofsOf(
  directory: string,
  { note, text }: HeldNote,
  seqs: readonly number[],
): Generator<{ readonly seq: number; readonly proof: string }> {
  const nodes = CollectedNodes.forProofs(seqs, note.size)
  const wanted = new Set(seqs)
  const lines = new Map<number, SoundLine>()
  const before = { ...everything, toSeq: note.size - 1 }
  for (const line of selectedLines(directory, before, noFlaws())) {
    nodes.push(line.entry.hash)
    if (wanted.has(line.entry.seq)) lines.set(line.entry.seq, line)
  }
  const root = Buffer.from(note.root, 'hex')
  for (const seq of seqs) {
    const line = lines.get(seq)
    const isThere = nodes.size === note.size && line !== undefined
    const hashes = isThere ? rootsOf(nodes, inclusionRanges(seq, note.size)) : []
    const leaf = Buffer.from(line?.entry.hash ?? noHash, 'hex')
    if (
      line === undefined ||
      !verifyInclusion({ index: seq, size: note.size, leaf, root, hashes })
    ) {
      const message = `entry ${seq} is not in the tree that the first pass read; run haltgate audit verify`
      throw new Failure('ledger-unavailable', message)
    }
    yield {
      seq,
      proof: writeTlogProof({ index: seq, hashes, note: text, extra: { line: line.text } }),
    }
  }
}
