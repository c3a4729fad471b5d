/** The openings of one entry, for somebody who may read them: each checked against what the entry committed to. */
import type { Entry } from '../../ledger/entry.ts'
import { linesFrom } from '../../ledger/verify-entries.ts'
import { memberOf, opens } from './commitment.ts'
import { readSubjectKey } from './key-store.ts'
import { vaultLayout } from './layout.ts'
import { type Kept, recordsOf } from './read.ts'
import { opened, segmentKey } from './record.ts'
import { commitmentsOf } from './survey.ts'

/** One value that an entry committed to. */
export interface OpenedField {
  readonly field: string
  readonly commitment: string
  readonly salt: string
  readonly value: string
  /** False where the value is not what was committed to. */
  readonly matches: boolean
}

export type OpenedEntry =
  | { readonly ok: true; readonly request: string; readonly fields: readonly OpenedField[] }
  | { readonly ok: false; readonly message: string }

/** errors  those of the file system; Failure where a key file is damaged. */
export function openEntry(places: { ledger: string; vault: string }, seq: number): OpenedEntry {
  const entry = entryAt(places.ledger, seq)
  if (entry === null) return no(`the ledger has no sound entry ${seq}`)
  const commitments = commitmentsOf(entry)
  if (commitments === null) return no(`entry ${seq} commits to nothing`)
  const request = String(entry.data['request'])
  const kept = recordAt(places.vault, request)
  if (kept === null) return no(`the vault has no record of entry ${seq}`)
  const { record, salt } = kept
  if (record.sealed === null) return no(`the openings of entry ${seq} were erased`)
  const key = readSubjectKey(vaultLayout(places.vault).subjects, record.subject)
  if (key === null || key.id !== record.key) return no(`the key of entry ${seq} is gone`)
  const openings = opened(record, segmentKey(key.bytes, salt))
  if (openings === null) return no(`the record of entry ${seq} was changed, and does not open`)
  const fields = Object.entries(openings).map(([field, opening]) => {
    const commitment = commitments[memberOf(field)] ?? ''
    return { field, commitment, ...opening, matches: opens(commitment, field, opening) }
  })
  return { ok: true, request, fields }
}

const no = (message: string): OpenedEntry => ({ ok: false, message })

function entryAt(ledger: string, seq: number): Entry | null {
  for (const { entry } of linesFrom(ledger, seq)) {
    if (entry === null || entry.seq < seq) continue
    return entry.seq === seq ? entry : null
  }
  return null
}

function recordAt(vault: string, request: string): Kept | null {
  for (const kept of recordsOf(vault, { broken: 0 })) {
    if (kept.record.request === request) return kept
  }
  return null
}
