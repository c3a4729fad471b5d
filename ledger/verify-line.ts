/** Checks one line by itself: its form, its own hash, its canonical form and its envelope; not its place in the chain. */
import { hash } from 'node:crypto'
import type { Entry } from './entry.ts'
import { hasTrailer, holdsHash, isCanonical, Scanner, trailerBytes } from './scan.ts'
import type { LineReader } from './scan-lines.ts'

/** Why a line proves nothing about itself. */
export type Fault = 'TOO_LONG' | 'LINE_FORM' | 'HASH_MISMATCH'

/** What is wrong with a line whose hash is right. */
export type Flaw = 'NOT_CANONICAL' | 'LINE_FORM' | 'VERSION'

const hashPattern = /^[0-9a-f]{64}$/
const timestampPattern =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}\.\d{3}Z$/
const nothing = Buffer.alloc(0)

/** Looks at the line on which a reader stands, and keeps what the chain asks of it. */
export class LineCheck {
  /** Hash of the body as it stands there; empty where the line has no form to hash. */
  leaf = ''
  /** Hash of the line before, where that one is sound and its digits are still in the buffer. */
  #before = ''
  /** The hash that the line claims, where that is not its own; else empty. */
  claimed = ''
  /** Null where a flawed line does not say. */
  seq: number | null = null
  readonly #scanner = new Scanner()
  readonly #reader: LineReader
  #prev: Buffer = nothing
  #prevStart = 0
  #ts: Buffer = nothing
  #tsStart = 0

  constructor(reader: LineReader) {
    this.#reader = reader
  }

  /** Hashes the line in place: 0x00 over the LF before it, and a brace over the comma of its hash member. */
  fault(): Fault | null {
    const { bytes, start, end } = this.#reader
    this.#before = this.claimed === '' && start > trailerBytes ? this.leaf : ''
    this.leaf = ''
    this.claimed = ''
    if (this.#reader.long) return 'TOO_LONG'
    const formed = this.#reader.ended && bytes[start] === 0x7b && hasTrailer(bytes, start, end)
    if (!formed) return 'LINE_FORM'
    const tail = end - trailerBytes
    bytes[start - 1] = 0x00
    bytes[tail] = 0x7d
    this.leaf = hash('sha256', bytes.subarray(start - 1, tail + 1), 'hex')
    // One copy and one comparison of strings cost less than 64 steps (96 against 129 ns, 2024-11).
    const claimed = bytes.toString('latin1', tail + 9, tail + 73)
    if (claimed === this.leaf) return null
    this.claimed = claimed
    return hashPattern.test(claimed) ? 'HASH_MISMATCH' : 'LINE_FORM'
  }

  /** Reads a line that has no fault. */
  flaw(): Flaw | null {
    const { bytes, start } = this.#reader
    const scanner = this.#scanner
    scanner.prevLikely = this.#before === '' ? 0 : start - 67
    if (!scanner.envelope(bytes, start, this.#bodyEnd)) return this.#flawed()
    this.seq = scanner.seq
    this.#prev = bytes
    this.#prevStart = scanner.prevStart
    this.#ts = bytes
    this.#tsStart = scanner.tsStart
    return scanner.version === 1 ? null : 'VERSION'
  }

  /** Of a line without a flaw. */
  isKind(kind: string): boolean {
    return this.#scanner.isKind(kind)
  }

  /** Of a line without a flaw. */
  get kindLength(): number {
    return this.#scanner.kindEnd - this.#scanner.kindStart
  }

  /** As the line has it; empty where it says none. */
  get ts(): string {
    return this.#ts === nothing
      ? ''
      : this.#ts.toString('latin1', this.#tsStart, this.#tsStart + 24)
  }

  /** True where `prev` is this hash; true, too, where a flawed line has none to say otherwise. */
  follows(leaf: string): boolean {
    if (this.#scanner.adjoins && leaf === this.#before) return true
    return this.#prev === nothing || holdsHash(this.#prev, this.#prevStart, leaf)
  }

  get prev(): string | null {
    if (this.#prev === nothing) return null
    return this.#prev.toString('latin1', this.#prevStart, this.#prevStart + 64)
  }

  /** Takes the line's timestamp over into `last`; false where it is an earlier one. */
  advances(last: Uint8Array): boolean {
    if (this.#ts === nothing) return true
    const at = this.#tsStart
    let index = 0
    while (index < last.length && this.#ts[at + index] === last[index]) index += 1
    const order = (this.#ts[at + index] ?? 0) - (last[index] ?? 0)
    for (; index < last.length; index += 1) last[index] = this.#ts[at + index] ?? 0
    return order >= 0
  }

  /** The line as a value; only of a line without a flaw. */
  entry(): Entry {
    return this.#scanner.entry(this.leaf)
  }

  get #bodyEnd(): number {
    return this.#reader.end - trailerBytes + 1
  }

  #body(): string {
    return this.#reader.bytes.toString('utf8', this.#reader.start, this.#bodyEnd)
  }

  /** Names the flaw, and takes from the line what it says in spite of it, so that the chain goes on. */
  #flawed(): Flaw {
    const { bytes, start } = this.#reader
    const canonical = isCanonical(bytes, start, this.#bodyEnd)
    const { prev, seq, ts, v } = membersOf(this.#body())
    this.seq = typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0 ? seq : null
    this.#prev = typeof prev === 'string' && hashPattern.test(prev) ? Buffer.from(prev) : nothing
    this.#prevStart = 0
    this.#ts = typeof ts === 'string' && timestampPattern.test(ts) ? Buffer.from(ts) : nothing
    this.#tsStart = 0
    if (!canonical) return 'NOT_CANONICAL'
    return Number.isSafeInteger(v) && v !== 1 ? 'VERSION' : 'LINE_FORM'
  }
}

function membersOf(text: string): Readonly<Record<'prev' | 'seq' | 'ts' | 'v', unknown>> {
  const none = { prev: null, seq: null, ts: null, v: null }
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? { ...none, ...value } : none
  } catch (error) {
    if (error instanceof SyntaxError) return none
    throw error
  }
}
