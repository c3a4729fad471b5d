/** Checks the file of a proof without the ledger: the entry's line, the path up to the root, and who signed the root. */
import { readLine } from '../../ledger/line.ts'
import { parseNote, type VerifyingKey } from '../../ledger/note.ts'
import { isVouchedFor } from './keys.ts'
import { parseTlogProof } from './tlog-proof.ts'
import { verifyInclusion } from './verify.ts'

export interface ProofAnswer {
  /** 0 proven, 1 not, 3 proven to be in a tree that nobody vouches for. */
  readonly exit: 0 | 1 | 3
  readonly sentence: string
  readonly index: number | null
  /** The entry's, lower-case hex. */
  readonly hash: string | null
  readonly head: { readonly origin: string; readonly size: number; readonly root: string } | null
}

/**
 * Checks a proof.
 *
 * line  the LINE of the entry, with or without its LF; the one in the proof where it is null.
 * key   pinned by whoever checks: any key that the log ever had, from whose time on it vouches.
 */
export function checkProof(
  text: string,
  { key, line }: { readonly line: string | null; readonly key: VerifyingKey | null },
): ProofAnswer {
  const proof = parseTlogProof(text)
  const nothing = { index: null, hash: null, head: null }
  if (typeof proof === 'string') {
    return { exit: 1, sentence: `it is no proof: ${proof}`, ...nothing }
  }
  const { checkpoint, extra, hashes, index } = proof
  const { origin, root, size } = checkpoint
  const facts = { index, hash: null, head: { origin, size, root } }
  const stored = line ?? extra.line ?? null
  if (stored === null) {
    const sentence = 'the line of the entry is not in the proof: give it with --line FILE'
    return { exit: 1, sentence, ...facts }
  }
  const entry = readLine(Buffer.from(stored.endsWith('\n') ? stored : `${stored}\n`))
  if (typeof entry === 'string') {
    return { exit: 1, sentence: `the line is no entry: ${entry}`, ...facts }
  }
  const known = { ...facts, hash: entry.hash }
  if (entry.seq !== index) {
    const sentence = `the proof is of entry ${index}, and the line is entry ${entry.seq}`
    return { exit: 1, sentence, ...known }
  }
  const [leaf, rootBytes] = [entry.hash, root].map((hex) => Buffer.from(hex, 'hex'))
  if (leaf === undefined || rootBytes === undefined) return { exit: 1, sentence: '', ...known }
  if (!verifyInclusion({ index, size, leaf, root: rootBytes, hashes })) {
    const sentence = `its hashes do not lead from entry ${index} to the root of the checkpoint`
    return { exit: 1, sentence, ...known }
  }
  if (key === null) {
    const sentence = `entry ${index} is in the tree of this checkpoint, and nobody vouches for it: pin the log's key with --key`
    return { exit: 3, sentence, ...known }
  }
  const handovers = (extra.handovers ?? [])
    .map(parseNote)
    .filter((note) => typeof note !== 'string')
  if (!isVouchedFor(checkpoint, key, handovers)) {
    const sentence = 'neither the pinned key nor one that it handed over to signed the checkpoint'
    return { exit: 1, sentence, ...known }
  }
  const sentence = `entry ${index} is in the log ${origin}, in its first ${size} entries`
  return { exit: 0, sentence, ...known }
}
