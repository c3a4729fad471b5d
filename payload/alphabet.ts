/** Sets of bytes as bits of one table, so that a pattern asks one byte at a time and never goes back. */

const digit = 1
const lower = 2
const upper = 4
const hexLower = 8
const hexUpper = 16
const underscore = 32
const dash = 64
const base64Sign = 128
const dot = 256
const equals = 512
const blank = 1024
const glue = 2048
const base32Digit = 4096
const localSign = 8192
const plain = 16384
const tilde = 32768
const lineEnd = 65536

/** Each set is a union of bits; a byte is in it where one of them is set. */
export const alphabets = {
  digit,
  lower,
  upper,
  letter: lower | upper,
  alnum: digit | lower | upper,
  lowerAlnum: digit | lower,
  upperAlnum: digit | upper,
  word: digit | lower | upper | underscore,
  token: digit | lower | upper | underscore | dash,
  dotted: digit | lower | upper | underscore | dash | dot,
  unreserved: digit | lower | upper | underscore | dash | dot | tilde,
  padded: digit | lower | upper | underscore | dash | equals,
  hexLower: digit | hexLower,
  hex: digit | hexLower | hexUpper,
  base32: upper | base32Digit,
  base64: digit | lower | upper | base64Sign,
  base64Any: digit | lower | upper | base64Sign | underscore | dash | equals,
  domain: digit | lower | upper | dash | dot,
  cookie: digit | lower | upper | underscore | dash | base64Sign | localSign,
  /** The local part of an address as people have it (RFC 5322 allows more). */
  local: digit | lower | upper | underscore | dash | dot | localSign,
  equals,
  blank,
  lineEnd,
  /** What stands between a name and its value: quotes, colons, equals, blanks, an escaped quote. */
  glue,
  /** Printable, and neither quote nor backslash nor bracket: what a key file in text may hold. */
  plain,
} as const

const bits: readonly (readonly [bit: number, characters: string])[] = [
  [digit, '0123456789'],
  [lower, 'abcdefghijklmnopqrstuvwxyz'],
  [upper, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'],
  [hexLower, 'abcdef'],
  [hexUpper, 'ABCDEF'],
  [underscore, '_'],
  [dash, '-'],
  [base64Sign, '+/'],
  [dot, '.'],
  [equals, '='],
  [blank, ' \t\r\n'],
  [glue, ' \t"\'`:=>,\\'],
  [base32Digit, '234567'],
  [localSign, '+%'],
  [tilde, '~'],
  [lineEnd, '\r\n'],
]

function tableOf(): Uint32Array {
  const table = new Uint32Array(256)
  for (const [bit, characters] of bits) {
    for (const character of characters) {
      const code = character.charCodeAt(0)
      table[code] = (table[code] ?? 0) | bit
    }
  }
  for (let code = 0; code < 256; code += 1) {
    const isText = (code > 31 && code < 127) || code === 9 || code === 10 || code === 13
    if (isText && !'"\'\\<>{}'.includes(String.fromCharCode(code))) {
      table[code] = (table[code] ?? 0) | plain
    }
  }
  return table
}

const table = tableOf()

/** True for a byte of the set; false past either end of the bytes. */
export function isIn(alphabet: number, byte: number | undefined): boolean {
  return byte !== undefined && ((table[byte] ?? 0) & alphabet) !== 0
}

/** Where a run of the set that begins at `from` ends, at `limit` at the latest. */
export function runEnd(
  bytes: Uint8Array,
  alphabet: number,
  range: { readonly from: number; readonly limit: number },
): number {
  const limit = Math.min(range.limit, bytes.length)
  let at = range.from
  while (at < limit && ((table[bytes[at] ?? 0] ?? 0) & alphabet) !== 0) at += 1
  return at
}

/** Where a run of the set that ends before `until` begins, `max` bytes before it at the earliest. */
export function runStart(
  bytes: Uint8Array,
  alphabet: number,
  range: { readonly until: number; readonly max: number },
): number {
  const first = Math.max(0, range.until - range.max)
  let at = range.until
  while (at > first && ((table[bytes[at - 1] ?? 0] ?? 0) & alphabet) !== 0) at -= 1
  return at
}

/** The text of some bytes, one character a byte. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start))
  return view.toString('latin1')
}
