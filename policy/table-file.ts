/** Reads what stands in files beside a policy: tables of parameters, small and plain. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import type { TextFile } from './yaml-text.ts'

/** Reads a file that a policy names by its path; or says in a sentence why not. */
export type ReadTable = (path: string) => TextFile | { readonly problem: string }

export const tableBytesMax = 1 << 20

/** Reads files in the folder of a policy, or below it. `shown` is how problems write the policy's name. */
export function tablesBeside(policyFile: string, shown: string): ReadTable {
  return (path) => {
    const beside = normalize(path)
    if (isAbsolute(beside) || beside.split(/[\\/]/).includes('..')) {
      return { problem: `${path} does not lie beside the policy, or below` }
    }
    const text = readBounded(join(dirname(policyFile), beside))
    return typeof text === 'string' ? { name: join(dirname(shown), beside), text } : text
  }
}

function readBounded(file: string): string | { readonly problem: string } {
  let descriptor: number
  try {
    // Without O_NONBLOCK a named pipe would be waited for.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    return { problem: `cannot be opened (${reasonOf(error)})` }
  }
  try {
    if (!fstatSync(descriptor).isFile()) return { problem: 'is no file' }
    const bytes = Buffer.alloc(tableBytesMax + 1)
    let length = 0
    for (;;) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, length)
      if (read === 0) break
      length += read
    }
    if (length > tableBytesMax) return { problem: `is longer than ${tableBytesMax} bytes` }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length))
  } catch (error) {
    return { problem: `cannot be read (${reasonOf(error)})` }
  } finally {
    closeSync(descriptor)
  }
}

/** Of an error of the system its code; of bytes that are no UTF-8 what the decoder says. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) throw error
  return 'code' in error ? String(error.code) : error.message
}
