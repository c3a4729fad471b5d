/** `haltgate audit prove|consistency|check-proof`: what a ledger proves to others, and what others can check without it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { checkProof } from '../evidence/proof/check.ts'
import { type ProvenGrowth, proveContinuation, proveGrowth } from '../evidence/proof/consistency.ts'
import { keptNote } from '../evidence/proof/notes.ts'
import { type ProofPlaces, type ProvenEntry, proveEntry } from '../evidence/proof/prove.ts'
import { tlogProofBytesMax, writeTlogProof } from '../evidence/proof/tlog-proof.ts'
import { Failure } from '../kernel/reasons.ts'
import { parseVkey } from '../ledger/note.ts'
import { visible } from './audit-text.ts'
import { exitCodes } from './exit.ts'
import { type Flags, layoutOf, settingsOf, UsageError } from './settings.ts'

/** What a person may write behind these commands. */
type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

/** Of `audit`: the ledger cannot be read (docs/ledger.md). */
const unreadable = 5

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addAuditProve(
  audit: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  const command = (name: string, description: string): Command =>
    audit.command(name).description(description).option('--json', 'print the result as JSON')
  const data = ['--data <dir>', 'the data directory (HALTGATE_DATA)'] as const
  command('prove', 'prove to others that an entry is in the ledger')
    .option(...data)
    .requiredOption('--seq <seq>', 'the entry')
    .option('--size <size>', 'by the checkpoint of this size; by the newest one otherwise')
    .option('--out <file>', 'where to write the proof; to the terminal otherwise')
    .option('--with-line', 'put the entry itself into the proof')
    .action((flags: Given) => finish(readably(() => prove(flags))))
  command('consistency', 'prove that the ledger only grew between two sizes')
    .option(...data)
    .requiredOption('--from <size|file>', 'a size, or a file with a checkpoint kept elsewhere')
    .option('--to <size>', 'a larger size; needed where --from is a size')
    .action((flags: Given) => finish(readably(() => consistency(flags))))
  command('check-proof', 'check a proof without the ledger')
    .argument('<file>')
    .option('--line <file>', "the entry's line, as audit show SEQ --json prints it; - for stdin")
    .option('--key <vkey>', "the log's key as you wrote it down: NAME+ID+BASE64")
    .action((file: string, flags: Given) => finish(readably(async () => check(file, flags))))
}

/** An entry's proof, printed or written. */
async function prove(flags: Given): Promise<number> {
  const seq = countOf(flags['seq'], '--seq')
  const size = flags['size'] === undefined ? undefined : countOf(flags['size'], '--size')
  if (size !== undefined && size <= seq) {
    throw new UsageError(`--size must be more than --seq: a tree of ${size} ends before ${seq}`)
  }
  const withLine = flags['withLine'] === true
  const asked = { seq, withLine, ...(size === undefined ? {} : { size }) }
  const made = await proveEntry(placesOf(flags), asked)
  if (!made.proven) return refused(made, flags)
  const text = writeTlogProof(made.proof)
  const { out } = flags
  if (typeof out === 'string') writeFileSync(resolve(out), text)
  if (flags['json'] === true) print(JSON.stringify(entryFacts(made, text), null, 2))
  else if (typeof out !== 'string') process.stdout.write(text)
  else print(visible(`entry ${seq} of ${made.head.size} is proven: ${out}`))
  return exitCodes.done
}

function entryFacts(made: ProvenEntry, text: string): object {
  const { bytesRead, hash, head, line, proof, source } = made
  return {
    ok: true,
    exit: exitCodes.done,
    seq: proof.index,
    hash,
    line,
    head,
    hashes: proof.hashes.map((one) => one.toString('hex')),
    proof: text,
    source,
    stats: { bytes: bytesRead },
  }
}

/** Whether the ledger only grew, from a size or from a checkpoint of somebody's. */
async function consistency(flags: Given): Promise<number> {
  const { from, to } = flags
  const end = to === undefined ? undefined : countOf(to, '--to')
  if (typeof from !== 'string') throw new UsageError('--from is a size or a file')
  if (!/^\d{1,15}$/.test(from)) {
    const kept = keptNote(resolve(from))
    if (end !== undefined && end < kept.note.size) {
      throw new UsageError(`--to must be at least ${kept.note.size}, the size of the checkpoint`)
    }
    const grown = await proveContinuation(placesOf(flags), kept, end)
    if (!grown.proven) return refused(grown, flags)
    const said = `CONTINUED  the ledger of ${grown.to.size} goes on from the checkpoint of ${grown.from.size}`
    return grew(grown, flags, said)
  }
  if (end === undefined) throw new UsageError('--to is needed where --from is a size')
  const sizes = { from: Number(from), to: end }
  if (sizes.from > end) throw new UsageError('--to must be at least --from')
  const grown = await proveGrowth(placesOf(flags), sizes)
  if (!grown.proven) return refused(grown, flags)
  return grew(grown, flags, `CONSISTENT  the tree of ${end} goes on from that of ${from}`)
}

function grew(grown: ProvenGrowth, flags: Given, sentence: string): number {
  const { bytesRead, from, hashes, signedBy, source, to } = grown
  if (flags['json'] === true) {
    const hexes = hashes.map((hash) => hash.toString('hex'))
    const facts = { from, to, hashes: hexes, signed_by: signedBy, source }
    print(JSON.stringify({ ok: true, exit: 0, ...facts, stats: { bytes: bytesRead } }, null, 2))
    return exitCodes.done
  }
  for (const tree of [from, to]) {
    print(`tree ${tree.size}  ${tree.root}`)
    if (tree.note !== null) print(tree.note)
  }
  print(['proof', ...hashes.map((hash) => hash.toString('base64'))].join('\n'))
  if (signedBy === null) print('No signed checkpoint covers the larger tree.')
  print(`\n${sentence}`)
  return exitCodes.done
}

/** A proof against a line and a key. */
function check(file: string, flags: Given): number {
  const text = contentOf(resolve(file))
  const { key: pinned, line: source } = flags
  const key = typeof pinned === 'string' ? parseVkey(pinned) : null
  if (typeof pinned === 'string' && key === null) {
    throw new UsageError('--key is NAME+ID+BASE64 of an Ed25519 key, as log.genesis has it')
  }
  const line = typeof source === 'string' ? contentOf(source === '-' ? 0 : resolve(source)) : null
  const answer = checkProof(text, { line, key })
  const { exit, hash, head, index, sentence } = answer
  if (flags['json'] === true) {
    print(
      JSON.stringify({ ok: exit === 0, exit, message: sentence, seq: index, hash, head }, null, 2),
    )
    return exit
  }
  if (head !== null) print(visible(`head  ${head.size}:${head.root}  ${head.origin}`))
  if (hash !== null) print(`entry ${index}:${hash}`)
  print(visible(`${{ 0: 'PROVEN', 1: 'NOT PROVEN', 3: 'UNSIGNED' }[exit]}  ${sentence}`))
  return exit
}

/** Files are read whole: bounded. errors  Failure for one that is too long. */
function contentOf(file: string | number): string {
  const bytes = readFileSync(file)
  if (bytes.length <= tlogProofBytesMax) return bytes.toString('utf8')
  throw new Failure('ledger-unavailable', `${file} is longer than any proof or line`)
}

function refused(
  { exit, sentence }: { readonly exit: number; readonly sentence: string },
  flags: Given,
): number {
  if (flags['json'] === true) print(JSON.stringify({ ok: false, exit, message: sentence }, null, 2))
  else process.stderr.write(`haltgate: ${visible(sentence)}\n`)
  return exit
}

/** What cannot be read has an exit code of its own here, as `audit verify` has it. */
async function readably(work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    const isWorld = error instanceof Failure || (error instanceof Error && 'syscall' in error)
    if (!isWorld) throw error
    process.stderr.write(`haltgate: ${visible(error.message)}\n`)
    return unreadable
  }
}

function placesOf(flags: Given): ProofPlaces {
  const { ledger } = layoutOf(settingsOf(flags, process.env).dataDirectory)
  return { directory: ledger, indexFile: join(ledger, 'index.sqlite'), progress: progressLine() }
}

/** Shows how far it is, where somebody looks, from the second second on. */
function progressLine(): (done: number, total: number) => void {
  const { stderr } = process
  const start = performance.now()
  let shown = -1
  return (done, total) => {
    if (!stderr.isTTY || performance.now() - start < 1_000) return
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100)
    // What is printed next overwrites it: no line feed, and the cursor at its beginning.
    if (percent !== shown) stderr.write(`\u001b[Kreading ${percent} %\r`)
    if (done >= total) stderr.write('\u001b[K')
    shown = percent
  }
}

function countOf(value: unknown, name: string): number {
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value)
  throw new UsageError(`${name} is a number from 0 on, not '${String(value)}'`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
