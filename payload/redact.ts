/** Takes what was found out of a text and leaves its name; JSON stays JSON. */
import type { DetectorName } from '../kernel/payload.ts'
import type { Found } from './detect.ts'

const quote = 0x22
const backslash = 0x5c
const lineFeed = 0x0a

/** What stands in the place of a finding: nothing in it needs an escape anywhere, and no detector finds it. */
export function replacement(detector: DetectorName): string {
  return `[redacted:${detector}]`
}

/** Whether the bytes go on inside a string of JSON. Each line begins outside, as JSON has no line end in a string. */
export class Quotes {
  /** Whether there are strings at all: in plain text a quote is a quote. */
  readonly isJson: boolean
  inString = false
  /** Whether a backslash stands before what comes next. */
  isEscaped = false

  constructor(isJson: boolean) {
    this.isJson = isJson
  }

  pass(bytes: Uint8Array, start: number, end: number): void {
    if (!this.isJson) return
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at]
      if (byte === lineFeed) this.inString = false
      else if (byte === quote && !this.isEscaped) this.inString = !this.inString
      this.isEscaped = this.inString && byte === backslash && !this.isEscaped
    }
  }
}

/** True for what a number, or a word in the place of one, is made of. */
export function isBare(byte: number | undefined): boolean {
  if (byte === undefined) return false
  const letter = byte | 32
  const isAlnum = (byte >= 48 && byte <= 57) || (letter >= 97 && letter <= 122)
  return isAlnum || byte === 0x2b || byte === 0x2d || byte === 0x2e
}

/**
 * The bytes with a name in the place of each finding. Outside of a string of JSON the whole number is replaced by a
 * string.
 *
 * found  ascending, without overlap.
 * quotes  where the text begins; knows afterwards where it ended.
 */
export function redact(bytes: Uint8Array, found: readonly Found[], quotes: Quotes): Uint8Array {
  const parts: Uint8Array[] = []
  let copied = 0
  for (const { detector, start, end } of found) {
    if (end <= copied) continue
    let from = Math.max(start, copied)
    quotes.pass(bytes, copied, from)
    // Half an escape would spoil the string: its backslash goes too.
    if (quotes.isEscaped && from > copied) from -= 1
    quotes.isEscaped = false
    let to = end
    const isBareValue = quotes.isJson && !quotes.inString
    if (isBareValue) {
      while (from > copied && isBare(bytes[from - 1])) from -= 1
      // A line's end parts words, also where it is the finding's own.
      while (bytes[to - 1] !== lineFeed && isBare(bytes[to])) to += 1
    }
    const name = replacement(detector)
    parts.push(bytes.subarray(copied, from), Buffer.from(isBareValue ? `"${name}"` : name))
    copied = to
  }
  quotes.pass(bytes, copied, bytes.length)
  return Buffer.concat([...parts, bytes.subarray(copied)])
}

/** So much of a line says whether it is JSON. */
const sniffBytes = 512

/** Blanks of JSON, and what a mark of order is made of. */
const blanks: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])

/**
 * Whether a text is JSON, lines of JSON, or events with JSON in them, by how its first line that is not blank begins.
 *
 * isWhole  false where more may come.
 * returns  null where the line is not all there, and what is missing may decide.
 */
export function looksLikeJson(bytes: Uint8Array, isWhole: boolean): boolean | null {
  const start = bytes.findIndex((byte) => !blanks.has(byte))
  if (start === -1) return isWhole ? false : null
  const end = bytes.indexOf(lineFeed, start)
  const known = end === -1 ? bytes.length : end
  if (!isWhole && end === -1 && known - start < sniffBytes) return null
  const from = Math.min(known, start + sniffBytes)
  const line = Buffer.from(bytes.subarray(start, from)).toString('latin1')
  return /^[[{"]|^(?:data|event|id|retry)?:|^-?[0-9][-+0-9.eE]*\s*$/.test(line)
}
