/**
 * Rewrites the messages of a whole event stream, and leaves what else is in it as it came.
 *
 * source  HTML Living Standard, 9.2.6: lines end with LF, CR or both; a blank line ends an event; several lines of
 *         `data` are one text.
 */

const byteOrderMark = '\ufeff'

/** Lines of one stream; each costs as much as a hundred bytes. */
const linesMax = 100_000

/**
 * The stream with each event's data replaced. Data that is empty says nothing, and stays.
 *
 * rewrite  of one event's data; null where it cannot be read.
 * returns  null where a message cannot be read, or the stream is not UTF-8.
 */
export function filterEvents(
  stream: Buffer,
  rewrite: (text: string) => Buffer | null,
): Buffer | null {
  const text = textOf(stream)
  if (text === null) return null
  const written: string[] = []
  let lines: Line[] = []
  let count = 0
  for (const line of linesOf(text)) {
    count += 1
    if (count > linesMax) return null
    lines.push(line)
    if (line.text !== '') continue
    if (!writeEvent(written, lines, rewrite)) return null
    lines = []
  }
  // Without its blank line no client should take it for an event; one that does finds nothing else in it.
  return writeEvent(written, lines, rewrite) ? Buffer.from(written.join('')) : null
}

interface Line {
  readonly text: string
  /** With what ends it. */
  readonly whole: string
}

function textOf(stream: Buffer): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(stream)
    return text.startsWith(byteOrderMark) ? text.slice(1) : text
  } catch {
    return null
  }
}

function* linesOf(text: string): Generator<Line> {
  for (const [whole, line = ''] of text.matchAll(/([^\r\n]*)(?:\r\n|\r|\n|$)/g)) {
    if (whole !== '') yield { text: line, whole }
  }
}

/** The value of a line of `data`; null for every other line. */
function dataOf({ text }: Line): string | null {
  if (text === 'data') return ''
  if (!text.startsWith('data:')) return null
  return text.startsWith('data: ') ? text.slice(6) : text.slice(5)
}

/** Writes one event, as it came where nothing rewrites it; false where its data cannot be read. */
function writeEvent(
  written: string[],
  lines: readonly Line[],
  rewrite: ((text: string) => Buffer | null) | null,
): boolean {
  const values = lines.map(dataOf)
  const before = values.filter((value) => value !== null).join('\n')
  if (rewrite === null || before.trim() === '') {
    for (const { whole } of lines) written.push(whole)
    return true
  }
  const after = rewrite(before)?.toString()
  if (after === undefined) return false
  if (after === before) return writeEvent(written, lines, null)
  const first = values.findIndex((value) => value !== null)
  for (const [index, { whole }] of lines.entries()) {
    if (values[index] === null) written.push(whole)
    if (index !== first) continue
    for (const value of after.split(/\r\n|\r|\n/)) written.push(`data: ${value}\n`)
  }
  return true
}
