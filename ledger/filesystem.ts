/** Whether a directory is fit for a ledger: a local disk that keeps what it synced, and private to its owner. */
import { Failure } from '../kernel/reasons.ts'
import { syncNames } from './durable.ts'
import type { Files } from './files.ts'

/**
 * Filesystems on which fdatasync or locks do not mean what the ledger needs, by `f_type`.
 *
 * source  statfs(2) and linux/magic.h; on other systems than Linux the numbers differ, and none matches.
 */
const unfit: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x65735546, 'FUSE'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x01021997, '9p'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
])

/**
 * Makes the directory where it is missing, 0700, and refuses it where a ledger would not be safe in it.
 *
 * errors  Failure: shared or volatile filesystem (unless any is allowed), or open to others and not ours.
 */
export async function prepareDirectory(
  directory: string,
  files: Files,
  anyFilesystem: boolean,
): Promise<void> {
  if (files.factsAt(directory) === null) {
    files.makeDirectory(directory)
    await syncNames(files, `${directory}/..`)
  }
  const facts = files.factsAt(directory)
  if (facts?.directory !== true) {
    throw new Failure('ledger-unavailable', `${directory} is not a directory; name another one.`)
  }
  if ((facts.mode & 0o077) !== 0) closeToOthers(directory, files)
  judgeFilesystem(directory, files, anyFilesystem)
}

function closeToOthers(directory: string, files: Files): void {
  try {
    files.makePrivate(directory)
  } catch (cause) {
    const message = `${directory} is open to other users and cannot be closed to them; run: chmod 700 ${directory}`
    throw new Failure('ledger-unavailable', message, { cause })
  }
}

/** Refuses what is no local disk; errors: Failure that names the filesystem. */
export function judgeFilesystem(directory: string, files: Files, anyFilesystem: boolean): void {
  if (anyFilesystem) return
  const name = unfit.get(files.filesystem(directory).type >>> 0)
  if (name === undefined) return
  throw new Failure(
    'ledger-unavailable',
    `${directory} is on ${name}, where a written entry is not safe or not alone; use a local disk, or allow it with --any-filesystem and lose that promise.`,
  )
}
