/** Addresses of electronic mail, as people write them: no quoted local parts, no comments, ASCII only. */
import { alphabets, isIn, latin1, runEnd, runStart } from './alphabet.ts'
import type { Range } from './shape.ts'

export const emailStart = '@'

/** What a name of a file ends with that has an @ in it, `logo@2x.png` foremost. */
const fileEndings = new Set([
  'png',
  'jpg',
  'jpeg',
  'gif',
  'svg',
  'webp',
  'css',
  'js',
  'mjs',
  'json',
])

const dot = 0x2e
const hyphen = 0x2d

/** Where the domain ends that begins at `from`: at its last byte that is no dot or hyphen. */
function domainEnd(bytes: Uint8Array, from: number): number {
  let end = runEnd(bytes, alphabets.domain, { from, limit: bytes.length })
  while (end > from && (bytes[end - 1] === dot || bytes[end - 1] === hyphen)) end -= 1
  return end
}

/** The address around an @. Neither side reaches past another @: linear over all of them. */
export function matchEmail(bytes: Uint8Array, at: number): Range | null {
  let start = runStart(bytes, alphabets.local, { until: at, max: at })
  while (start < at && bytes[start] === dot) start += 1
  const end = domainEnd(bytes, at + 1)
  if (start === at || !isIn(alphabets.alnum, bytes[at + 1])) return null
  const top = end - runStart(bytes, alphabets.letter, { until: end, max: end - at - 1 })
  if (top < 2 || bytes[end - top - 1] !== dot) return null
  if (fileEndings.has(latin1(bytes, end - top, end).toLowerCase())) return null
  return { start, end }
}
