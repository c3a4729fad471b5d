/** Who may sign a checkpoint: the key that an auditor pinned, or one that it handed over to, note by note. */
import { nextKeyWord } from '../../ledger/checkpoint.ts'
import { isSignedBy, type Note, parseVkey, type VerifyingKey } from '../../ledger/note.ts'

/** The key that a note of `key.rotate` names next; null in any other note. */
export function nextKeyIn({ extensions }: Note): VerifyingKey | null {
  const [line = ''] = extensions
  const begin = `${nextKeyWord} `
  if (extensions.length !== 1 || !line.startsWith(begin)) return null
  return parseVkey(line.slice(begin.length))
}

/**
 * True where a note is signed by the key that was in force at its size.
 *
 * pinned     any key that the log ever had; what was signed before its time is not vouched for by it.
 * handovers  ascending by size. One that the key in force did not sign says nothing.
 */
export function isVouchedFor(
  note: Note,
  pinned: VerifyingKey,
  handovers: readonly Note[],
): boolean {
  if (note.origin !== pinned.name) return false
  let key = pinned
  for (const handover of handovers) {
    // A handover covers what is before it: the old key signs that size, the new one larger ones.
    if (handover.size >= note.size) break
    const next = nextKeyIn(handover)
    if (next === null || next.name !== pinned.name || handover.origin !== pinned.name) continue
    if (next.text !== key.text && isSignedBy(handover, key)) key = next
  }
  return isSignedBy(note, key)
}
