/** Private keys as files have them: PEM of every kind, OpenPGP's armour, and PuTTY's. */
import { alphabets, isIn, latin1, runEnd } from './alphabet.ts'
import type { Range } from './shape.ts'

/** Less than this of base64 is a mention of a key, not a key. */
const keyBytesMin = 40

/** Longer labels than `ENCRYPTED PRIVATE KEY` and the like do not exist. */
const labelBytesMax = 64

export const pemStart = '-----BEGIN '
export const puttyStart = 'Private-Lines: '

export const dashes = '-----'

/** No last line of a key is longer. */
export const closingBytesMax = 2 * dashes.length + 'END '.length + labelBytesMax

/** Where the last key in PEM may begin; -1 where none does. Its label may itself hold what looks like a beginning. */
export function lastPemStart(bytes: Buffer): number {
  let start = bytes.lastIndexOf(pemStart)
  while (start > 0) {
    const earlier = bytes.lastIndexOf(pemStart, start - 1)
    if (earlier === -1 || start - earlier > pemStart.length + labelBytesMax) return start
    start = earlier
  }
  return start
}

/** True where a body has enough base64 in one piece, line ends not counted: prose has blanks. */
function holdsKey(bytes: Uint8Array, { start, end }: Range): boolean {
  let count = 0
  for (let at = start; at < end && count < keyBytesMin; at += 1) {
    if (isIn(alphabets.base64, bytes[at])) count += 1
    else if (!isIn(alphabets.lineEnd, bytes[at])) count = 0
  }
  return count >= keyBytesMin
}

/** From here to the next five dashes, or to what no key file holds. */
function bodyEnd(bytes: Uint8Array, from: number): number {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  // Searched first: the run of plain bytes alone would be read again from each of many starts.
  const next = whole.indexOf(dashes, from, 'latin1')
  const limit = next === -1 ? bytes.length : next
  return runEnd(bytes, alphabets.plain, { from, limit })
}

/** The key whose `-----BEGIN ` stands at `start`. Each key ends before the next five dashes: linear over all of them. */
export function matchPem(bytes: Uint8Array, start: number): Range | null {
  const from = start + pemStart.length
  const label = latin1(bytes, from, Math.min(bytes.length, from + labelBytesMax))
  const labelEnd = label.indexOf(dashes)
  if (labelEnd === -1 || !label.slice(0, labelEnd).includes('PRIVATE KEY')) return null
  const bodyStart = from + labelEnd + dashes.length
  const end = bodyEnd(bytes, bodyStart)
  if (!holdsKey(bytes, { start: bodyStart, end })) return null
  const tail = latin1(bytes, end, Math.min(bytes.length, end + closingBytesMax))
  const closing = tail.startsWith('-----END ') ? tail.indexOf(dashes, dashes.length) : -1
  return { start, end: closing === -1 ? end : end + closing + dashes.length }
}

/** The private lines of a PuTTY key. */
export function matchPutty(bytes: Uint8Array, start: number): Range | null {
  const from = start + puttyStart.length
  const bodyStart = runEnd(bytes, alphabets.digit, { from, limit: from + 4 })
  const end = runEnd(bytes, alphabets.base64 | alphabets.equals | alphabets.blank, {
    from: bodyStart,
    limit: bytes.length,
  })
  return holdsKey(bytes, { start: bodyStart, end }) ? { start, end } : null
}
