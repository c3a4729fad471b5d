/** What a format of an export is: a head, and text for a batch of entries. */
import type { SoundLine } from './select.ts'

export interface Format {
  /** Before the first entry, with its LF; empty where there is none. */
  readonly head: string
  /** The entries of a batch, each closed by an LF. */
  text(batch: readonly SoundLine[]): string
}

/** The stored lines, byte for byte. */
export const jsonLines: Format = {
  head: '',
  text: (batch) => batch.map(({ text }) => `${text}\n`).join(''),
}
