/** What the tests of proofs share: a ledger with a published checkpoint, its index, and a proof that must be there. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Test } from 'tap'
import { checkProof, type ProofAnswer } from '../../../evidence/proof/check.ts'
import { type ProvenEntry, proveEntry } from '../../../evidence/proof/prove.ts'
import { Tiles } from '../../../evidence/proof/tiles.ts'
import { writeTlogProof } from '../../../evidence/proof/tlog-proof.ts'
import { parseVkey } from '../../../ledger/note.ts'
import '../../kernel/seed.ts'
import { type LedgerShape, type SignedLedger, writeLedger } from './signed-ledger.ts'

const shape: LedgerShape = { entries: 500, segment: 90, checkpoint: 40 }

/** A ledger with the file `checkpoint` over so many entries; null for none. */
export function begin(
  t: Test,
  more: Partial<LedgerShape> = {},
  note: number | null = 500,
): SignedLedger {
  const ledger = writeLedger({ ...shape, ...more })
  t.teardown(ledger.remove)
  if (note !== null) publish(ledger, ledger.noteOf(note))
  return ledger
}

/** Writes the file `checkpoint`. */
export const publish = (ledger: SignedLedger, note: string): void =>
  writeFileSync(join(ledger.directory, 'checkpoint'), note)

export const placesOf = (ledger: SignedLedger): { directory: string; indexFile: string } => ({
  directory: ledger.directory,
  indexFile: join(ledger.directory, 'index.sqlite'),
})

/** An index that holds tiles alone. */
export function makeIndex(ledger: SignedLedger, leaves = ledger.leaves): void {
  const file = placesOf(ledger).indexFile
  rmSync(file, { force: true })
  const database = new Database(file)
  Tiles.create(database)
  new Tiles(database).append(leaves)
  database.close()
}

/** The proof of an entry that must be there. */
export async function proof(
  ledger: SignedLedger,
  seq: number,
  size?: number,
): Promise<ProvenEntry> {
  const made = await proveEntry(placesOf(ledger), { seq, ...(size === undefined ? {} : { size }) })
  if (made.proven) return made
  throw new Error(made.sentence)
}

/** A key of the log, by its order. */
export const keyOf = (ledger: SignedLedger, at: number): ReturnType<typeof parseVkey> =>
  parseVkey(ledger.vkeys.at(at) ?? '')

/** What an auditor says who pinned the first key. */
export function checked(ledger: SignedLedger, made: ProvenEntry): ProofAnswer {
  return checkProof(writeTlogProof(made.proof), { line: made.line, key: keyOf(ledger, 0) })
}

/** An index on which a statement was run. */
export function damaged(ledger: SignedLedger, statement: string): void {
  makeIndex(ledger)
  const database = new Database(placesOf(ledger).indexFile)
  database.exec(statement)
  database.close()
}
