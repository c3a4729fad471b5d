/** Tells a note of this ledger's own past from any other. */
import { parseNote } from '../../ledger/note.ts'
import type { RootAt } from './ports.ts'

/** Why a note is not of this ledger's chain; null where it is. */
export interface Foreign {
  /** It covers more entries than this ledger has. */
  readonly ahead: boolean
  readonly message: string
}

/** errors  those of `rootAt`. */
export async function foreignness(
  text: string,
  { origin, rootAt }: { readonly origin: string; readonly rootAt: RootAt },
): Promise<Foreign | null> {
  const note = parseNote(text)
  if (typeof note === 'string') return { ahead: false, message: `it is no note (${note})` }
  if (note.origin !== origin) {
    return { ahead: false, message: `it is of the log '${note.origin.slice(0, 200)}'` }
  }
  const root = await rootAt(note.size)
  if (root === null) {
    const message = `it covers ${note.size} entries, more than this ledger has`
    return { ahead: true, message }
  }
  if (root === note.root) return null
  const message = `its root over ${note.size} entries is ${note.root}, and this ledger's is ${root}`
  return { ahead: false, message }
}
