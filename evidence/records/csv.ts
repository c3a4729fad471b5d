/** Comma-separated values that no spreadsheet takes for formulas: a cell that begins like one is made text. */
import { stringify } from 'csv-stringify/sync'

/**
 * Lines of RFC 4180 with LF, a head among them where there are names to say.
 *
 * rows  cells as they are: numbers stay numbers, null is empty, anything else that is no text is JSON.
 */
export function csvOf(rows: readonly (readonly unknown[])[]): string {
  return stringify(
    rows.map((row) => row.map(cellOf)),
    { escape_formulas: true },
  )
}

/** Controls, and signs that turn the direction of text: a terminal would obey them. Written as escapes. */
const unseen = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

function cellOf(value: unknown): string | number {
  if (typeof value === 'number') return value
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replace(unseen, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
