/** A secret of the gate in a file of its own: made once, whole before it has its name, and never read by others. */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Failure } from '../kernel/reasons.ts'

/**
 * The bytes of a key file; made of `make` where there is none yet. Of two that make it at once, one wins.
 *
 * errors  Failure naming the file and the way out, where it cannot be had or others could read it.
 */
export function keyFile(file: string, make: () => Uint8Array | string): Buffer {
  try {
    if (!existsSync(file)) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      const next = `${file}.${process.pid}`
      writeFileSync(next, make(), { mode: 0o600, flush: true })
      try {
        linkSync(next, file)
      } catch (error) {
        if (!existsSync(file)) throw error
      } finally {
        rmSync(next)
      }
    }
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new Error(`it can be read by others; run: chmod 600 ${file}`)
    }
    return readFileSync(file)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Failure('ledger-unavailable', `${file} cannot be used (${why})`, { cause: error })
  }
}
