/** What a ledger is given: a place, a clock, randomness, and the state that it is the log of. */
import type { KeyObject } from 'node:crypto'
import type { Failure } from '../kernel/reasons.ts'
import type { DurableCheckpoint } from './checkpoint.ts'
import type { After, Soon } from './deadline.ts'
import type { Entry } from './entry.ts'
import type { Files } from './files.ts'
import type { Watch } from './watch.ts'

/** How the tree is signed, and who is told of it. */
export interface CheckpointOptions {
  /** Where the private keys lie; made where it is missing, 0700. */
  readonly directory: string
  /** A new private Ed25519 key; of the system's randomness where it is left out. */
  readonly generate?: () => KeyObject
  /** Told of each checkpoint that is durable; must not throw and must not wait. */
  readonly published?: (checkpoint: DurableCheckpoint) => void
  /** Told of what went wrong and is tried again by itself. */
  readonly trouble?: (error: unknown) => void
}

export interface LedgerOptions {
  /** Made where it is missing, 0700. */
  readonly directory: string
  /** Beside the directory; it is SQLite's, and nothing else may open it. */
  readonly lockFile: string
  /** URL without scheme, for a genesis only; of its log id where it has none of its own. */
  readonly origin: string | ((logId: string) => string)
  /** Program and version: for a genesis, and for each `boot.open`. */
  readonly createdBy: string
  /** `group` waits for fdatasync; `os` does not: a crash of the machine then loses acknowledged entries. */
  readonly durability: 'group' | 'os'
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly random: (bytes: number) => Buffer
  /** Called once, before the folds: the state that a snapshot says, or null for the state before any entry. */
  readonly restore: (snapshot: string | null) => void
  /** Called for each entry that came after it, in order; not for `log.genesis` and `segment.open`. */
  readonly fold: (entry: Entry) => void
  /**
   * The state that follows from every entry appended so far. Asked in a turn of the ledger's own: whoever
   * changes the state appends in that same turn.
   */
  readonly snapshot: () => string
  readonly segmentBytesMax?: number
  /** Verifies every line of every segment at the start, not only of the last. */
  readonly verifyAll?: boolean
  readonly anyFilesystem?: boolean
  /** Free bytes below which nothing new is recorded; half of it for what may not be lost. */
  readonly freeBytesMin?: number
  readonly files?: Files
  readonly after?: After
  /** A commit waits for it, so that it takes along what else comes in the same turn; at once where it is left out. */
  readonly soon?: Soon
  /** What must be durable before any entry is written: awaited before each write; where it rejects, the ledger ends. */
  readonly before?: () => Promise<void>
  /** Version of Node: the one that runs, where it is left out. */
  readonly runtime?: string
  readonly watch?: Watch
  /** Without them the tree is not signed. */
  readonly checkpoints?: CheckpointOptions
  /** Called once, when the ledger can record nothing more. */
  readonly onPoison?: (failure: Failure) => void
}
