/** Looks for the opening of every commitment in a ledger: present, erased with an entry that says so, or not explained. */
import type { Entry } from '../../ledger/entry.ts'
import { linesFrom } from '../../ledger/verify-entries.ts'
import { begunErasures } from './begun.ts'
import { memberOf, type Opening, opens } from './commitment.ts'
import { readSubjectKey } from './key-store.ts'
import { vaultLayout } from './layout.ts'
import { type Kept, type Reading, RecordOf, recordsOf } from './read.ts'
import { opened, segmentKey } from './record.ts'

/** What became of an opening. */
export type OpeningState = 'present' | 'erased' | 'missing' | 'altered'

/** One that is not as it should be. */
export interface OpeningFinding {
  readonly seq: number
  readonly field: string
  readonly state: 'missing' | 'altered'
  readonly message: string
}

export interface Survey {
  /** Commitments in the ledger. */
  readonly commitments: number
  readonly present: number
  readonly erased: number
  /** Of the erased ones: those whose entry is still to come. */
  readonly pending: number
  readonly missing: number
  readonly altered: number
  /** Records of requests that no entry tells of: the gate died or was refused in between. */
  readonly unclaimed: number
  /** Lines of the vault that are no records. */
  readonly broken: number
  /** The first 1,000. */
  readonly findings: readonly OpeningFinding[]
}

const findingsMax = 1_000

/** Entries between two pauses: less than 5 ms of work. */
const pauseEntries = 256

export interface SurveyOptions {
  /** `<data>/ledger`. */
  readonly ledger: string
  /** `<data>/vault`. */
  readonly vault: string
  /** Only of this subject's id; null for all. */
  readonly subject?: string | null
  readonly pause?: () => Promise<void>
}

/** Openings of one subject under one key that are no more, as they were met in the ledger. */
export interface Gone {
  readonly subject: string
  readonly key: string
  count: number
  readonly fields: Set<string>
  first: number
  last: number
}

/** Adds what an entry had, and answers the group. */
export function tally(groups: Map<string, Gone>, seq: number, { record }: Kept): Gone {
  const { fields, key, subject } = record
  const name = `${subject} ${key}`
  const known = groups.get(name)
  const group = known ?? {
    subject,
    key,
    count: 0,
    fields: new Set<string>(),
    first: seq,
    last: seq,
  }
  group.count += fields.length
  group.last = seq
  for (const field of fields) group.fields.add(field)
  groups.set(name, group)
  return group
}

/** The commitments of an entry; null where it has none. */
export function commitmentsOf({ data }: Entry): Readonly<Record<string, string>> | null {
  const { commitments } = data
  if (typeof commitments !== 'object' || commitments === null) return null
  return commitments as Readonly<Record<string, string>>
}

/** errors  those of the file system; Failure where a key file is damaged. */
export async function survey(options: SurveyOptions): Promise<Survey> {
  const counting = new Counting(options)
  const reading: Reading = { broken: 0 }
  const records = new RecordOf(recordsOf(options.vault, reading))
  try {
    let seen = 0
    for (const { entry } of linesFrom(options.ledger, 0)) {
      seen += 1
      if (options.pause !== undefined && seen % pauseEntries === 0) await options.pause()
      if (entry === null) continue
      if (entry.kind === 'erasure') counting.erasure(entry)
      const commitments = commitmentsOf(entry)
      if (commitments === null) continue
      counting.entry(entry.seq, commitments, records.take(entry.seq, String(entry.data['request'])))
    }
    records.finish()
  } finally {
    records.close()
  }
  return counting.end(records.unclaimed, reading.broken)
}

class Counting {
  readonly #options: SurveyOptions
  readonly #counts: Record<OpeningState, number> = { present: 0, erased: 0, missing: 0, altered: 0 }
  readonly #findings: OpeningFinding[] = []
  readonly #keys = new Map<string, ReturnType<typeof readSubjectKey>>()
  /** By subject and key. */
  readonly #gone = new Map<string, Gone>()
  #commitments = 0
  #pending = 0

  constructor(options: SurveyOptions) {
    this.#options = options
  }

  entry(seq: number, commitments: Readonly<Record<string, string>>, kept: Kept | null): void {
    const { subject = null } = this.#options
    if (subject !== null && kept?.record.subject !== subject) return
    const members = Object.keys(commitments)
    this.#commitments += members.length
    if (kept === null) {
      this.#wrong({ seq, members }, 'missing', 'The vault has no record of it.')
      return
    }
    const { fields, key: id, sealed, subject: whose } = kept.record
    if (fields.map(memberOf).join() !== members.join()) {
      const message = 'The record in the vault is of other fields than the entry.'
      this.#wrong({ seq, members }, 'altered', message)
      return
    }
    const key = sealed === null ? null : this.#key(whose)
    // Before its segment was rewritten, an erased record is one whose key is gone.
    if (key === null || key.id !== id) {
      tally(this.#gone, seq, kept)
      return
    }
    const openings = opened(kept.record, segmentKey(key.bytes, kept.salt))
    for (const field of fields) this.#field({ seq, field }, commitments, openings?.[field])
  }

  #field(
    { field, seq }: Pick<OpeningFinding, 'field' | 'seq'>,
    commitments: Readonly<Record<string, string>>,
    opening: Opening | undefined,
  ): void {
    const member = memberOf(field)
    if (opening === undefined) {
      this.#wrong({ seq, members: [member] }, 'altered', 'The record in the vault does not open.')
    } else if (!opens(commitments[member] ?? '', field, opening)) {
      const message = 'What the vault keeps is not what was committed to.'
      this.#wrong({ seq, members: [member] }, 'altered', message)
    } else this.#counts.present += 1
  }

  /** An erasure explains what is gone of its subject where it says as many openings, from the same entries. */
  erasure({ data }: Entry): void {
    for (const [name, group] of this.#gone) {
      const isSame = group.subject === data['subject'] && group.count === data['count']
      if (!isSame || group.first !== data['first_seq'] || group.last !== data['last_seq']) continue
      this.#counts.erased += group.count
      this.#gone.delete(name)
    }
  }

  end(unclaimed: number, broken: number): Survey {
    const begun = begunErasures(this.#options.vault)
    for (const { count, first, key, last, subject } of this.#gone.values()) {
      if (begun.some((one) => one.subject === subject && one.key === key)) {
        this.#counts.erased += count
        this.#pending += count
        continue
      }
      const message = `${count} openings of subject ${subject}, of the entries ${first} to ${last}, are gone, and no erasure says so.`
      this.#wrong({ seq: first, members: [], count }, 'missing', message)
    }
    const { altered, erased, missing, present } = this.#counts
    const counts = { commitments: this.#commitments, present, erased, pending: this.#pending }
    return { ...counts, missing, altered, unclaimed, broken, findings: this.#findings }
  }

  #wrong(
    where: { readonly seq: number; readonly members: readonly string[]; readonly count?: number },
    state: OpeningFinding['state'],
    message: string,
  ): void {
    const { count, members, seq } = where
    this.#counts[state] += count ?? members.length
    if (this.#findings.length >= findingsMax) return
    this.#findings.push({ seq, field: members.join(), state, message })
  }

  #key(subject: string): ReturnType<typeof readSubjectKey> {
    const known = this.#keys.get(subject)
    if (known !== undefined) return known
    const key = readSubjectKey(vaultLayout(this.#options.vault).subjects, subject)
    this.#keys.set(subject, key)
    return key
  }
}
