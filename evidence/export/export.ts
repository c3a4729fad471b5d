/** Exports entries in one pass, in memory that does not grow with the ledger. */
import { Failure } from '../../kernel/reasons.ts'
import { type GenesisData, genesisOf } from '../../ledger/segment.ts'
import { linesFrom } from '../../ledger/verify-entries.ts'
import { cef } from './cef.ts'
import { csv } from './csv.ts'
import { type Format, jsonLines } from './format.ts'
import { ocsf } from './ocsf.ts'
import type { LogName } from './reading.ts'
import { type Flaws, noFlaws, type Selection, type SoundLine, selectedLines } from './select.ts'
import type { Sink } from './sink.ts'

export type FormatName = 'jsonl' | 'csv' | 'ocsf' | 'cef'

/** So many entries are turned into text at once. */
export const batchEntries = 256

/** Or so many characters of lines. */
const batchCharacters = 256 * 1024

export interface ExportOrder {
  /** Of the ledger. */
  readonly directory: string
  readonly format: FormatName
  readonly selection: Selection
  /** Of haltgate. */
  readonly version: string
}

export interface Exported extends Flaws {
  readonly entries: number
}

/** What the log says of itself. errors  Failure where its first entry is not there or not sound. */
export function genesisIn(directory: string): GenesisData {
  const lines = linesFrom(directory, 0)
  const [first] = lines
  if (first?.entry?.kind === 'log.genesis') return genesisOf(first.entry)
  const message = `${directory} does not begin with a sound log.genesis; haltgate audit verify says why`
  throw new Failure('ledger-unavailable', message)
}

function formatOf(name: FormatName, log: LogName): Format {
  if (name === 'jsonl') return jsonLines
  if (name === 'csv') return csv
  return name === 'cef' ? cef(log) : ocsf(log)
}

/** Writes the selected entries. errors  those of the file system; Failure where there is no genesis. */
export async function exportEntries(order: ExportOrder, sink: Sink): Promise<Exported> {
  const { log_id: logId, origin } = genesisIn(order.directory)
  const format = formatOf(order.format, { logId, origin, version: order.version })
  const flaws = noFlaws()
  if (format.head !== '') await sink.write(format.head)
  let entries = 0
  for (const batch of batchesOf(selectedLines(order.directory, order.selection, flaws))) {
    await sink.write(format.text(batch))
    entries += batch.length
  }
  return { entries, ...flaws }
}

/** Lines by the handful, bounded in number and length. */
export function* batchesOf(lines: Iterable<SoundLine>): Generator<readonly SoundLine[]> {
  let batch: SoundLine[] = []
  let characters = 0
  for (const line of lines) {
    batch.push(line)
    characters += line.text.length
    if (batch.length < batchEntries && characters < batchCharacters) continue
    yield batch
    batch = []
    characters = 0
  }
  if (batch.length > 0) yield batch
}
