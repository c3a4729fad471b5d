/**
 * Makes the rough path: one spelling for all that some server takes for the same, whatever its case, escapes, parameters
 * of segments, empty and dotted segments. What stands in the way is judged by it; what lets pass never is.
 */
import { anyMark, markGlob } from './glob.ts'

/** In what a rough path can differ; most paths hold none of it. */
const foldable = /[^\x21-\x3a\x3c-\x40\x5b-\x7e]|%|\/\/|\.(?:\/|$)/

/**
 * Decodes every escape once, overlong forms of UTF-8 too; then writes it in lower case, drops `;` and what follows it
 * in a segment, dots and spaces at the end of one, and segments that are empty or `.`; `..` takes one away.
 */
export function foldPath(path: string): string {
  if (!foldable.test(path)) return path
  const segments = decoded(path).toLowerCase().split('/')
  const kept: string[] = []
  let last = ''
  segments.forEach((segment, index) => {
    const bare = withoutEnd(withoutParameters(segment), ' ')
    last = withoutEnd(bare, '. ')
    if (bare === '..') kept.pop()
    else if (last !== '' && index > 0) kept.push(last)
  })
  if (segments.length === 1) return last
  return last === '' ? `/${kept.map((segment) => `${segment}/`).join('')}` : `/${kept.join('/')}`
}

/** A glob for rough paths, its wildcards as marks. A `**` among parameters stays, for it may reach beyond them. */
export function foldGlob(glob: string): string {
  return foldPath(markGlob(glob))
}

function withoutParameters(segment: string): string {
  const semicolon = segment.indexOf(';')
  if (semicolon < 0) return segment
  return segment.slice(0, semicolon) + (segment.includes(anyMark, semicolon) ? anyMark : '')
}

/** A loop, for a pattern that is anchored at the end alone takes quadratic time on many dots and one letter. */
function withoutEnd(segment: string, dropped: string): string {
  let end = segment.length
  while (end > 0 && dropped.includes(segment[end - 1] ?? '/')) end -= 1
  return segment.slice(0, end)
}

function decoded(text: string): string {
  let out = ''
  let index = 0
  for (;;) {
    const percent = text.indexOf('%', index)
    if (percent < 0) return out + text.slice(index)
    out += text.slice(index, percent)
    const bytes: number[] = []
    index = percent
    for (let byte = byteAt(text, index); byte >= 0; byte = byteAt(text, index)) {
      bytes.push(byte)
      index += 3
    }
    if (bytes.length === 0) {
      out += '%'
      index += 1
    } else out += charactersOf(bytes)
  }
}

/** The byte of an escape; -1 where none stands here. */
function byteAt(text: string, index: number): number {
  if (text[index] !== '%') return -1
  const high = digitOf(text.charCodeAt(index + 1))
  const low = digitOf(text.charCodeAt(index + 2))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 0x20
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** UTF-8 as lenient decoders read it: overlong forms count, and what is none is a character for each byte. */
function charactersOf(bytes: readonly number[]): string {
  let out = ''
  for (let index = 0; index < bytes.length; ) {
    const lead = bytes[index] ?? 0
    const length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 1
    const point = length === 1 ? lead : pointOf(bytes, index, length)
    out += String.fromCodePoint(point < 0 ? lead : point)
    index += point < 0 ? 1 : length
  }
  return out
}

function pointOf(bytes: readonly number[], from: number, length: number): number {
  let point = (bytes[from] ?? 0) & (0x7f >> length)
  for (let index = from + 1; index < from + length; index += 1) {
    const byte = bytes[index] ?? 0
    if ((byte & 0xc0) !== 0x80) return -1
    point = point * 64 + (byte & 0x3f)
  }
  const isSurrogate = point >= 0xd800 && point <= 0xdfff
  return point > 0x10ffff || isSurrogate ? -1 : point
}
