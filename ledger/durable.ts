/** How a file comes to be so that it is there whole after a crash, or not at all. */
import { Failure } from '../kernel/reasons.ts'
import type { Files } from './files.ts'

/** A file of this ending is half made; it is nobody's, and the next start removes it. */
export const unfinished = '.new'

/**
 * Makes a file with its first bytes, and answers its descriptor, open for more.
 *
 *   open(directory)                                 first of all, so that no lack of descriptors comes later
 *   open(name.new, O_CREAT|O_EXCL|O_APPEND, 0600)   a crash leaves an empty stranger
 *   write                                           … or half of one
 *   fdatasync                                       … or a whole one
 *   rename(name.new, name)                          from here on the file is there, or will be after a crash,
 *   fsync(directory)                                or not: nothing in it was acknowledged
 *   return                                          it is there
 *
 * errors  those of the system calls; the half-made file stays for the next start to remove. Where one of the two
 *         opens failed for want of descriptors, nothing was made, and the call may be repeated.
 */
export async function makeFile(
  files: Files,
  place: { readonly directory: string; readonly name: string },
  bytes: Buffer,
): Promise<number> {
  const path = `${place.directory}/${place.name}`
  const half = `${path}${unfinished}`
  return await withDirectory(files, place.directory, async (directory) => {
    const descriptor = files.open(half, 'create')
    try {
      writeAll(files, descriptor, bytes)
      await files.sync(descriptor)
      files.rename(half, path)
      await files.syncDirectory(directory)
    } catch (error) {
      files.close(descriptor)
      throw error
    }
    return descriptor
  })
}

/** Makes what a file holds durable, whoever wrote it. */
export async function syncContent(files: Files, path: string): Promise<void> {
  const descriptor = files.open(path, 'read')
  try {
    await files.sync(descriptor)
  } finally {
    files.close(descriptor)
  }
}

/** Makes the names in a directory durable: what was made, renamed or removed there. */
export async function syncNames(files: Files, directory: string): Promise<void> {
  await withDirectory(files, directory, (descriptor) => files.syncDirectory(descriptor))
}

async function withDirectory<Result>(
  files: Files,
  directory: string,
  work: (descriptor: number) => Promise<Result>,
): Promise<Result> {
  const descriptor = files.open(directory, 'read')
  try {
    return await work(descriptor)
  } finally {
    files.close(descriptor)
  }
}

/** Writes all bytes at the end of a file, however few the system takes at a time. */
export function writeAll(files: Files, descriptor: number, bytes: Buffer): void {
  let written = 0
  while (written < bytes.length) {
    const taken = files.write(descriptor, written === 0 ? bytes : bytes.subarray(written))
    if (taken <= 0) throw new Failure('ledger-unavailable', 'the disk takes no more bytes')
    written += taken
  }
}
