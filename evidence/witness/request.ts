/** The body of `add-checkpoint` (c2sp.org/tlog-witness): the old size, a proof of consistency, a checkpoint. */
import { noteBytesMax } from '../../ledger/note.ts'

export interface AddCheckpoint {
  /** Size of the tree that the proof begins with. */
  readonly old: number
  readonly proof: readonly Buffer[]
  readonly note: string
}

const proofLinesMax = 63

/** The longest body that can have this form. */
export const requestBytesMax = 4 * noteBytesMax + 4_096

export function requestText({ note, old, proof }: AddCheckpoint): string {
  const lines = [`old ${old}`, ...proof.map((hash) => hash.toString('base64'))]
  return `${lines.join('\n')}\n\n${note}`
}

/** Reads a body; a sentence where it is none. The note is not looked into. */
export function parseRequest(text: string): AddCheckpoint | string {
  const split = text.indexOf('\n\n')
  if (split < 0) return 'there is no empty line before the checkpoint'
  const [first = '', ...lines] = text.slice(0, split).split('\n')
  const old = /^old (0|[1-9]\d{0,14})$/.exec(first)?.[1]
  if (old === undefined) return 'the first line is not: old SIZE'
  if (lines.length > proofLinesMax) return `the proof has more than ${proofLinesMax} lines`
  const proof: Buffer[] = []
  for (const line of lines) {
    const hash = Buffer.from(line, 'base64')
    if (hash.length !== 32 || hash.toString('base64') !== line) {
      return 'a line of the proof is not a hash in base64'
    }
    proof.push(hash)
  }
  return { old: Number(old), proof, note: text.slice(split + 2) }
}
