/** The file `checkpoint`: the newest durable note, for whoever reads heads and not ledgers. */
import { makeFile, unfinished } from './durable.ts'
import { unavailable } from './failure.ts'
import type { Files } from './files.ts'
import { type Note, noteBytesMax, parseNote } from './note.ts'
import { contentOf } from './read-lines.ts'

/** Its name in the ledger's directory. */
export const checkpointName = 'checkpoint'

/** Replaces it: written aside, synced, renamed, the directory synced. errors  those of the system calls. */
export async function writeCheckpoint(
  files: Files,
  directory: string,
  note: string,
): Promise<void> {
  const half = `${directory}/${checkpointName}${unfinished}`
  // Left by a crash, or by a disk that failed: there is one writer, and it is this one.
  if (files.factsAt(half) !== null) files.remove(half)
  files.close(await makeFile(files, { directory, name: checkpointName }, Buffer.from(note)))
}

/** errors  Failure where it is there and is no note. */
export function readCheckpoint(files: Files, directory: string): Note | null {
  const path = `${directory}/${checkpointName}`
  const facts = files.factsAt(path)
  if (facts === null) return null
  const note =
    facts.bytes > 4 * noteBytesMax
      ? 'it is too long'
      : parseNote(contentOf(files, path).toString('utf8'))
  if (typeof note !== 'string') return note
  throw unavailable(`${path} is no checkpoint: ${note}`)
}
