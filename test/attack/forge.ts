/** What an attacker does to a ledger's files: lines moved, and whole ledgers hashed and signed again. */
import { createPrivateKey } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Chain, frontierOf, type Key, keyOf, sha256, signed } from '../vectors/chain.ts'

/** Names of the segments, ascending. */
export function segmentsIn(ledger: string): readonly string[] {
  return readdirSync(ledger)
    .filter((name) => /^ledger-\d{15}\.jsonl$/.test(name))
    .sort()
}

/** Lines of a segment, each with its LF. */
export function linesIn(path: string): string[] {
  return readFileSync(path, 'utf8').split(/(?<=\n)/)
}

/** Changes the lines of one segment, by its place in their order; negative ones count from the end. */
export function edit(
  ledger: string,
  segment: number,
  change: (lines: string[]) => readonly string[],
): void {
  const path = join(ledger, segmentsIn(ledger).at(segment) ?? '')
  writeFileSync(path, change(linesIn(path)).join(''))
}

/** An entry as the attacker reads it. */
export interface Read {
  readonly actor: object
  readonly boot: string
  readonly data: Readonly<Record<string, unknown>>
  readonly kind: string
  readonly seq: number
  readonly ts: string
}

/** Private keys that lie in a directory. */
export function keysIn(directory: string, origin: string): readonly Key[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.pem'))
    .map((name) => keyOf(origin, createPrivateKey(readFileSync(join(directory, name)))))
}

/** How a ledger is made again. */
export interface Plan {
  /** The data of an entry in the new ledger; null leaves the entry away. */
  readonly change: (entry: Read) => object | null
  /** The kind of an entry in the new ledger; its own where it is left out. */
  readonly kind?: (entry: Read) => string
  /** Who signs the note of this entry; null keeps the old note, whatever it signed. */
  readonly signer?: (entry: Read) => Key | null
  /** Who signs the file `checkpoint` over all of it; null leaves it as it was. */
  readonly fileSigner?: Key | null
}

interface Place {
  readonly chain: Chain
  readonly previous: { readonly name: string; readonly bytes: Buffer } | null
}

/** Makes every segment again: all hashes, links and frontiers are right; notes only where a key is at hand. */
export function forge(ledger: string, plan: Plan): void {
  const chain = new Chain()
  let previous: Place['previous'] = null
  for (const name of segmentsIn(ledger)) {
    const path = join(ledger, name)
    const lines = linesIn(path)
    const made: Buffer[] = []
    for (const line of lines) {
      const read = JSON.parse(line) as Read
      const told = toldOf(read, plan, { chain, previous })
      const kind = plan.kind?.(read) ?? read.kind
      if (told !== null) made.push(chain.push({ ...read, data: told, kind }))
    }
    const bytes = Buffer.concat(made)
    writeFileSync(path, bytes)
    previous = { name, bytes }
  }
  if (plan.fileSigner === undefined || plan.fileSigner === null) return
  writeFileSync(join(ledger, 'checkpoint'), signed(plan.fileSigner, chain))
}

function toldOf(entry: Read, plan: Plan, { chain, previous }: Place): object | null {
  const data = plan.change(entry)
  if (data === null) return null
  if (entry.kind === 'segment.open' && previous !== null) {
    const { bytes, name } = previous
    const link = { bytes: bytes.length, name, sha256: sha256(bytes) }
    const tree = {
      first_seq: chain.size,
      tree_size: chain.size,
      frontier: frontierOf(chain.leaves),
    }
    return sorted({ ...data, ...tree, previous: link })
  }
  const signer = plan.signer?.(entry) ?? null
  if (signer === null || !('note' in data)) return data
  const next = 'vkey' in data ? [`haltgate-next-key ${String(data.vkey)}`] : []
  return { ...data, note: signed(signer, chain, next) }
}

const sorted = (data: object): object =>
  Object.fromEntries(Object.entries(data).sort(([one], [other]) => (one < other ? -1 : 1)))

/** Keeps the entries up to one, and no segment that begins behind it. */
export function cutBehind(ledger: string, seq: number): void {
  for (const name of segmentsIn(ledger)) {
    const path = join(ledger, name)
    const kept = linesIn(path).filter((line) => (JSON.parse(line) as Read).seq <= seq)
    if (kept.length === 0) rmSync(path)
    else writeFileSync(path, kept.join(''))
  }
}

/** Behind it some of a day is missing, and no checkpoint covers it. */
export function lastDecision(ledger: string): number {
  return entriesIn(ledger).findLast(({ kind }) => kind === 'decision')?.seq ?? 0
}

/** All entries, in order. */
export function entriesIn(ledger: string): readonly Read[] {
  const lines = segmentsIn(ledger).flatMap((name) => linesIn(join(ledger, name)))
  return lines.map((line) => JSON.parse(line) as Read)
}
