/** Failures of the ledger: always `ledger-unavailable`, always with a sentence that says what to do. */
import { ContractError } from '../kernel/contract.ts'
import { Failure } from '../kernel/reasons.ts'

/** The sentence says what is the matter, and where it can, what to do. */
export function unavailable(sentence: string, cause?: unknown): Failure {
  return new Failure('ledger-unavailable', sentence, cause === undefined ? {} : { cause })
}

/** What a full disk, a read-only mount and the like call for. */
const remedies: Readonly<Record<string, string>> = {
  EACCES: 'give it to the user that runs the gate',
  EDQUOT: 'raise the quota, then restart',
  EIO: 'the disk is failing: save the directory elsewhere before anything else',
  EMFILE: 'raise the limit of open files: ulimit -n',
  ENFILE: 'raise the limit of open files of this machine: fs.file-max',
  ERR_DLOPEN_FAILED: 'run: npm rebuild better-sqlite3',
  ERR_MODULE_NOT_FOUND: 'run: npm install better-sqlite3',
  ENOENT: 'restore it, then restart',
  ENOSPC: 'free space on its disk, then restart',
  EPERM: 'give it to the user that runs the gate',
  EROFS: 'mount its disk for writing, then restart',
  SQLITE_BUSY:
    'another process writes this ledger: stop it first, or choose another directory with --data DIR',
}

/** Any error of a system call as a Failure; a Failure stays itself. */
export function failureOf(error: unknown, doing: string): Failure {
  if (error instanceof Failure) return error
  const text = error instanceof Error ? error.message : String(error)
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : ''
  const remedy = remedies[String(code)]
  return unavailable(`${doing}: ${text}${remedy === undefined ? '' : `; ${remedy}`}`, error)
}

/** True where an open failed because this process, or the machine, has no descriptor left: nothing was made then. */
export function isScarcity(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false
  return error.code === 'EMFILE' || error.code === 'ENFILE'
}

/** Lets a bug be a bug: only what the world did becomes a Failure. */
export function rethrown(error: unknown, doing: string): unknown {
  return error instanceof ContractError ? error : failureOf(error, doing)
}
