/** The file of a proof: `c2sp.org/tlog-proof@v1`, which holds an entry's place, the hashes and a checkpoint. */
import { type Note, parseNote } from '../../ledger/note.ts'
import { proofHashesMax } from './verify.ts'

export interface TlogProof {
  /** seq of the entry. */
  readonly index: number
  /** From the leaf's sibling up. */
  readonly hashes: readonly Buffer[]
  /** The checkpoint, verbatim. */
  readonly note: string
  readonly extra: ProofExtra
}

/** What this program puts into the line `extra`. Nobody signed it: each part proves itself, or nothing. */
export interface ProofExtra {
  /** Notes in which a key of the log names the next one, ascending: from a pinned key to the one that signed. */
  readonly handovers?: readonly string[]
  /** The entry's LINE without its LF. */
  readonly line?: string
}

export interface ReadTlogProof extends TlogProof {
  readonly checkpoint: Note
}

const header = 'c2sp.org/tlog-proof@v1'

/** Room for 35,000 handovers of a key. */
export const tlogProofBytesMax = 16 * 1024 * 1024

/** The text of the file. */
export function writeTlogProof({ extra, hashes, index, note }: TlogProof): string {
  const lines = [header]
  if (Object.keys(extra).length > 0) {
    lines.push(`extra ${Buffer.from(JSON.stringify(extra)).toString('base64')}`)
  }
  lines.push(`index ${index}`, ...hashes.map((hash) => hash.toString('base64')))
  return `${lines.join('\n')}\n\n${note}`
}

/** Reads one; a sentence where it is none. Nothing is verified yet, and an extra of somebody else's is left alone. */
export function parseTlogProof(text: string): ReadTlogProof | string {
  if (text.length > tlogProofBytesMax) return `it is longer than ${tlogProofBytesMax} characters`
  const split = text.indexOf('\n\n')
  if (split < 0) return 'it has no blank line before its checkpoint'
  const [first, ...lines] = text.slice(0, split).split('\n')
  if (first !== header) return `its first line is not ${header}`
  const extra = lines[0]?.startsWith('extra ') === true ? decoded(lines.shift()?.slice(6)) : null
  const [, digits = ''] = /^index (0|[1-9]\d{0,14})$/.exec(lines.shift() ?? '') ?? []
  if (digits === '') return 'it has no index where it should stand'
  if (lines.length > proofHashesMax) return `it has more than ${proofHashesMax} hashes`
  const hashes: Buffer[] = []
  for (const line of lines) {
    const hash = decoded(line)
    if (hash?.length !== 32) return 'a line of its hashes is not 32 bytes in base64'
    hashes.push(hash)
  }
  const note = text.slice(split + 2)
  const checkpoint = parseNote(note)
  if (typeof checkpoint === 'string') return `its checkpoint is none: ${checkpoint}`
  return { index: Number(digits), hashes, note, checkpoint, extra: extraIn(extra) }
}

/** What of an extra is of the form of ours. */
function extraIn(bytes: Buffer | null): ProofExtra {
  if (bytes === null) return {}
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value !== 'object' || value === null) return {}
    const { handovers = null, line = null } = value as Readonly<Record<string, unknown>>
    const notes = Array.isArray(handovers) ? handovers.filter((one) => typeof one === 'string') : []
    return {
      ...(notes.length === 0 ? {} : { handovers: notes }),
      ...(typeof line === 'string' ? { line } : {}),
    }
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

/** Standard base64 with padding, and nothing that decodes to the same by another spelling. */
function decoded(text = ''): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return text !== '' && bytes.toString('base64') === text ? bytes : null
}
