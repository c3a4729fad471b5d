/** Reads the file `checkpoint` for a verification: as it is, bounded, judged by others. */
import { open } from 'node:fs/promises'
import { checkpointName } from './checkpoint-file.ts'
import { noteBytesMax, parseNote } from './note.ts'

/** Its text, cut behind what a note may have; null where it is not there. errors  those of the system calls. */
export async function storedNote(directory: string): Promise<string | null> {
  try {
    const handle = await open(`${directory}/${checkpointName}`, 'r')
    try {
      const buffer = Buffer.alloc(4 * noteBytesMax)
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** The size that it names, where it is a note. */
export function sizeOfNote(text: string | null): readonly number[] {
  const note = text === null ? '' : parseNote(text)
  return typeof note === 'string' ? [] : [note.size]
}
