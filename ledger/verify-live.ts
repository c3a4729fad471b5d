/** Tells whether a writer is at work, without touching its lock: opening that file could take the lock from it. */
import { readFile, stat } from 'node:fs/promises'

/** SQLite keeps its locks on 512 bytes from here on (PENDING_BYTE in os.h): its file format reserves them. */
const lockOffset = 0x4000_0000
const lockBytes = 512

/**
 * True where the kernel lists a lock of SQLite on this file. False, too, where it cannot be told: no such file,
 * or no /proc/locks, which Linux alone has (proc_locks(5)). Without it a line that is just being written is
 * reported as a torn tail, which errs on the side of saying too little.
 */
export async function isHeld(lockFile: string): Promise<boolean> {
  const held = await textOf('/proc/locks')
  const inode = await inodeOf(lockFile)
  if (held === null || inode === null) return false
  return held.split('\n').some((line) => {
    // 1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 1073741824 1073742335
    const fields = /:[0-9a-f]+:(\d+) (\d+) (?:\d+|EOF)$/.exec(line)
    const start = Number(fields?.[2])
    return fields?.[1] === inode && start >= lockOffset && start < lockOffset + lockBytes
  })
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    return absent(error)
  }
}

async function inodeOf(path: string): Promise<string | null> {
  try {
    return String((await stat(path)).ino)
  } catch (error) {
    return absent(error)
  }
}

function absent(error: unknown): null {
  if (error instanceof Error && 'code' in error) return null
  throw error
}
