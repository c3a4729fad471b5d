/** What a verification answers: findings, the exit code that follows from them, and the report as JSON has it. */
import { checkpointName } from './checkpoint-file.ts'

/** What can be wrong, and the sentence for it. Codes are never reused; docs/ledger.md lists the same. */
export const findingCodes = {
  HASH_MISMATCH: 'The bytes of the line are not those that its hash was made of.',
  CHAIN_BREAK: 'prev is not the hash of the entry before.',
  SEQ_GAP: 'Entries are missing before this one.',
  SEQ_DUP: 'An entry of this seq stands before this one.',
  NOT_CANONICAL: 'The body is not in canonical form.',
  LINE_FORM: 'The line does not have the form of an entry.',
  TOO_LONG: 'The line is longer than 65,535 bytes.',
  GENESIS: 'log.genesis is the first entry, and only the first.',
  SEGMENT_LINK: 'segment.open does not describe what is there.',
  SEGMENT_MISSING: 'A segment is missing before this one.',
  TORN_TAIL: 'The last bytes are not a whole valid line.',
  TORN_UNDECLARED: 'The bytes behind the last line are not those that the next segment declares.',
  CLOCK_REGRESSION: 'ts is earlier than that of the entry before.',
  EXPECT_MISMATCH: 'The expected entry is not there.',
  REPLAY_MISMATCH: 'The entry does not follow from the entries before and its policy.',
  VERSION: 'The entry is of a version that this program does not know.',
  CP_SIG: 'No valid signature of the key in force is on the checkpoint.',
  CP_ROOT: 'The checkpoint is of another tree than the entries make.',
  CP_GAP: 'Entries waited for a checkpoint longer than they may, or have none.',
  KEY_RANGE: 'A key of this ledger signed where it was not in force.',
  KEY_UNTRUSTED: 'The first key of the ledger is not the one that is trusted.',
  ANCHOR_AHEAD: 'An anchor covers more entries than the ledger has.',
  ANCHOR_FORK: 'An anchor is not of this ledger.',
  ANCHOR_VERSION: 'A slot of the anchors was overwritten, deleted or left out.',
  ANCHOR_LOCK: 'Nothing keeps the anchor from being removed.',
  ANCHOR_LAG: 'The newest anchor is too far behind the end of the ledger.',
  INDEX_MISMATCH: 'A row of the index is not what the ledger says.',
} as const

export type FindingCode = keyof typeof findingCodes

/** How much was asked to be proven; each has those before it in it. */
export const levels = ['chain', 'signed', 'anchored'] as const

export type Level = (typeof levels)[number]

/** 0 verified, 1 tampered or corrupt, 3 incomplete, 4 rollback or fork, 5 I/O, 6 unknown version. */
export type Exit = 0 | 1 | 3 | 4 | 5 | 6

export interface Finding {
  readonly code: FindingCode
  /** A warning leaves the ledger incomplete (exit 3); an error makes it worse than that. */
  readonly severity: 'error' | 'warning'
  /** File name, or empty where it concerns the directory. */
  readonly segment: string
  readonly offset: number
  /** Of the entry, as far as it can be told; null where no entry is concerned. */
  readonly seq: number | null
  readonly expected: string | null
  readonly actual: string | null
  readonly message: string
}

export interface Report {
  readonly spec: 'haltgate-ledger/1'
  readonly ok: boolean
  readonly exit: Exit
  /** What was reached; `none` below `chain`. */
  readonly level: 'none' | Level
  readonly required: Level
  /** The result as a sentence. */
  readonly message: string
  /** Of `log.genesis`; null where the range does not hold it. */
  readonly log: { readonly log_id: string; readonly origin: string } | null
  readonly range: {
    readonly entries: number
    readonly first_seq: number | null
    readonly last_seq: number | null
    readonly segments: number
  }
  /** The last entry whose own hash is right. */
  readonly head: { readonly seq: number; readonly hash: string } | null
  /** Root over the entries 0 to size - 1; null where they are not all proven to be in their place. */
  readonly tree: { readonly size: number; readonly root: string } | null
  readonly checkpoints: {
    /** Notes whose signature and root are right. */
    readonly verified: number
    /** Entries that the newest of them covers. */
    readonly last_size: number
    /** Entries behind it. */
    readonly uncovered: number
    /** In the order of their coming. */
    readonly keys: readonly string[]
    /** True where the first of them is the one that was asked for. */
    readonly pinned: boolean
  }
  /** Null where no anchors were given. */
  readonly anchor: {
    readonly store: string
    readonly slots: number
    readonly last_size: number
    /** Until when the newest one cannot be removed; null where nothing says so. */
    readonly held_until: string | null
  } | null
  /** `clean` ends with boot.close; null where the range ends before the ledger does. */
  readonly tail: { readonly state: 'clean' | 'unclean' | 'torn'; readonly bytes: number } | null
  readonly replay: { readonly entries: number; readonly mismatches: number } | null
  readonly findings: readonly Finding[]
  /** `findings` counts those, too, that no longer fitted into the list. */
  readonly stats: { readonly bytes: number; readonly findings: number }
}

export interface Place {
  readonly segment: string
  readonly offset: number
}

export interface Details {
  readonly severity?: Finding['severity']
  readonly seq?: number | null
  readonly expected?: string | null
  readonly actual?: string | null
  readonly message?: string
}

/** A finding, with the sentence of its code where there is no better one. */
export function findingOf(code: FindingCode, place: Place, details: Details): Finding {
  return {
    code,
    severity: details.severity ?? 'error',
    segment: place.segment,
    offset: place.offset,
    seq: details.seq ?? null,
    expected: details.expected ?? null,
    actual: details.actual ?? null,
    message: details.message ?? findingCodes[code],
  }
}

/** Findings kept with their text; the others are counted. */
const findingsMax = 1_000

/** Worst first. */
const order: readonly Exit[] = [1, 4, 5, 6, 3, 0]

/** The worse of two exits. */
export function worse(one: Exit, other: Exit): Exit {
  return order.indexOf(one) <= order.indexOf(other) ? one : other
}

/** Findings that say: this is not a continuation of what was seen before. */
const rollbacks: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'EXPECT_MISMATCH',
  'ANCHOR_AHEAD',
  'ANCHOR_FORK',
  'ANCHOR_VERSION',
])

function exitOf({ code, segment, severity }: Finding): Exit {
  if (severity === 'warning') return 3
  if (rollbacks.has(code) || (code === 'CP_ROOT' && segment === checkpointName)) return 4
  return code === 'VERSION' ? 6 : 1
}

/** The lowest level that a finding stands in the way of. */
function levelOf(code: FindingCode): Level {
  if (code.startsWith('ANCHOR_')) return 'anchored'
  return code.startsWith('CP_') || code.startsWith('KEY_') ? 'signed' : 'chain'
}

/** Gathers findings in the order of the files, in bounded memory. */
export class Findings {
  readonly list: Finding[] = []
  count = 0
  exit: Exit = 0
  /** The lowest level that a finding stands in the way of; null while there is none. */
  barred: Level | null = null

  add(finding: Finding): void {
    this.count += 1
    this.exit = worse(this.exit, exitOf(finding))
    const level = levelOf(finding.code)
    if (this.barred === null || levels.indexOf(level) < levels.indexOf(this.barred)) {
      this.barred = level
    }
    if (this.list.length < findingsMax) this.list.push(finding)
  }

  /** Takes over what another one gathered. */
  absorb(other: Findings): void {
    for (const finding of other.list) this.add(finding)
    this.count += other.count - other.list.length
  }
}

/** What an exit code means, as a sentence. */
export function sentenceOf(exit: Exit): string {
  switch (exit) {
    case 0:
      return 'Every entry is whole and in its place.'
    case 1:
      return 'The ledger was changed or is corrupt.'
    case 3:
      return 'What is there is sound, and something is missing to verify it all.'
    case 4:
      return 'This is not a continuation of the ledger that was expected.'
    case 5:
      return 'The ledger could not be read.'
    case 6:
      return 'The ledger has entries of a version that this program does not know.'
  }
}
