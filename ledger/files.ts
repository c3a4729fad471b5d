/** What the ledger asks of the machine: a handful of system calls, so that a test can make any of them fail. */
import {
  chmodSync,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'

/** What the writer compares before each batch. */
export interface FileFacts {
  readonly bytes: number
  readonly inode: number
  readonly links: number
  readonly mode: number
  readonly owner: number
  readonly directory: boolean
}

export interface FilesystemFacts {
  /** `f_type` of statfs(2). */
  readonly type: number
  /** What an unprivileged writer may still use. */
  readonly freeBytes: number
}

/** Every call throws, or rejects with, the error of the system call. */
export interface Files {
  /**
   * `append` opens an existing file for writing at its end; `create` makes it, 0600, and fails where it exists;
   * `read` opens a directory too.
   */
  open(path: string, how: 'read' | 'append' | 'create'): number
  close(descriptor: number): void
  /** Answers how many bytes were read; 0 at the end. */
  read(descriptor: number, buffer: Buffer, position: number): number
  /** Answers how many bytes were written: fewer than asked is no error yet. */
  write(descriptor: number, bytes: Buffer): number
  /** fdatasync, never on the main thread. */
  sync(descriptor: number): Promise<void>
  /** fsync of an open directory, which makes its names durable; never on the main thread. */
  syncDirectory(descriptor: number): Promise<void>
  facts(descriptor: number): FileFacts
  /** Null where nothing is there. */
  factsAt(path: string): FileFacts | null
  filesystem(path: string): FilesystemFacts
  list(directory: string): readonly string[]
  makeDirectory(path: string): void
  makePrivate(directory: string): void
  rename(from: string, to: string): void
  remove(path: string): void
}

const flags = {
  read: constants.O_RDONLY,
  append: constants.O_WRONLY | constants.O_APPEND,
  create: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL,
} as const

/** The real machine. */
export const realFiles: Files = {
  open: (path, how) => openSync(path, flags[how], 0o600),
  close: closeSync,
  read: (descriptor, buffer, position) => readSync(descriptor, buffer, 0, buffer.length, position),
  write: (descriptor, bytes) => writeSync(descriptor, bytes, 0, bytes.length, null),
  sync: (descriptor) => answered((callback) => fdatasync(descriptor, callback)),
  syncDirectory: (descriptor) => answered((callback) => fsync(descriptor, callback)),
  facts: (descriptor) => factsOf(fstatSync(descriptor)),
  factsAt: (path) => {
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats === undefined ? null : factsOf(stats)
  },
  filesystem: (path) => {
    const { type, bavail, bsize } = statfsSync(path)
    return { type, freeBytes: bavail * bsize }
  },
  list: (directory) => readdirSync(directory),
  makeDirectory: (path) => {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  },
  makePrivate: (directory) => chmodSync(directory, 0o700),
  rename: renameSync,
  remove: unlinkSync,
}

/** A promise of what a callback is told: an error, or that it is done. */
function answered(call: (callback: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === null) resolve()
      else reject(error)
    })
  })
}

function factsOf(stats: Stats): FileFacts {
  return {
    bytes: stats.size,
    inode: stats.ino,
    links: stats.nlink,
    mode: stats.mode & 0o777,
    owner: stats.uid,
    directory: stats.isDirectory(),
  }
}
