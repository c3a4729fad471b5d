/** `haltgate audit export`: entries in four formats, evidence bundles and SOC 2 bundles, as flags say. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { Scope } from '../evidence/bundle/choose.ts'
import type { FormatName } from '../evidence/export/export.ts'
import type { Selection } from '../evidence/export/select.ts'
import type { Sink } from '../evidence/export/sink.ts'
import { Failure } from '../kernel/reasons.ts'
import type { AnchorReading } from '../ledger/anchor.ts'
import { exitCodes } from './exit.ts'
import { type Flags, layoutOf, settingsOf, UsageError } from './settings.ts'
import { shownPath } from './shown-path.ts'
import { version } from './version.ts'

type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

const formats: readonly FormatName[] = ['jsonl', 'csv', 'ocsf', 'cef']

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addAuditExport(
  audit: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  audit
    .command('export')
    .description('entries for other programs, or a bundle that an auditor checks offline')
    .option('--data <dir>', 'the data directory (HALTGATE_DATA)')
    .addOption(new Option('--format <name>', 'entries in this form').choices(formats))
    .option('--bundle <file>', 'an evidence bundle: segments, proofs, keys and how to check them')
    .option('--soc2 <file>', 'evidence by control of SOC 2, with proofs of a sample')
    .option('--from <seq|time>', 'begin here: a seq, or a time as 2026-11-21T12:00:00Z')
    .option('--to <seq|time>', 'end here, it included')
    .option('--agent <name>', 'only entries of this agent')
    .option('--run <name>', 'only entries of this run: R, or A/R with its agent')
    .option('--anchor <store>', 'with --bundle: pack the anchors held there')
    .option('--out <file>', 'with --format: where to write; to the terminal otherwise')
    .option('--json', 'print as JSON what was made')
    .action((flags: Given) => finish(exported(flags)))
}

async function exported(flags: Given): Promise<number> {
  const { dataDirectory } = settingsOf(flags, process.env)
  const asked = ['format', 'bundle', 'soc2'].filter((name) => wordOf(flags, name) !== '')
  if (asked.length !== 1) {
    throw new UsageError('name one of --format NAME, --bundle FILE and --soc2 FILE')
  }
  if (wordOf(flags, 'out') !== '' && asked[0] !== 'format') {
    throw new UsageError(`--out goes with --format; --${asked[0]} names its file itself`)
  }
  if (wordOf(flags, 'anchor') !== '' && asked[0] !== 'bundle') {
    throw new UsageError('--anchor goes with --bundle')
  }
  const { ledger } = layoutOf(dataDirectory)
  if (!existsSync(ledger)) {
    const message = `there is no ledger in ${dataDirectory}; name the gate's directory with --data DIR`
    throw new Failure('ledger-unavailable', message)
  }
  if (asked[0] === 'format') return entries(flags, ledger)
  return asked[0] === 'bundle' ? bundle(flags, dataDirectory) : soc2(flags, ledger)
}

async function entries(flags: Given, directory: string): Promise<number> {
  const { exportEntries } = await import('../evidence/export/export.ts')
  const { madeFile } = await import('../evidence/export/sink.ts')
  const format = formats.find((name) => name === wordOf(flags, 'format')) ?? 'jsonl'
  const order = { directory, format, selection: selectionOf(flags), version }
  const out = wordOf(flags, 'out')
  const made =
    out === ''
      ? await exportEntries(order, terminal)
      : await madeFile(resolve(out), (sink) => exportEntries(order, sink))
  if (out !== '') say(flags, made, `${shownPath(out)}: ${made.entries} entries`)
  if (made.broken > 0) {
    complain(`${made.broken} broken lines were left out; haltgate audit verify says what is wrong`)
    return exitCodes.no
  }
  if (made.torn > 0) complain('the last line is not whole, and was left out')
  return exitCodes.done
}

async function bundle(flags: Given, dataDirectory: string): Promise<number> {
  const { writeBundle } = await import('../evidence/bundle/bundle.ts')
  const { madeFile } = await import('../evidence/export/sink.ts')
  const { ledger, lock, policies } = layoutOf(dataDirectory)
  const file = resolve(wordOf(flags, 'bundle'))
  const order = {
    directory: ledger,
    lockFile: lock,
    policies,
    scope: scopeOf(flags),
    version,
    anchors: await anchorsOf(flags, ledger),
  }
  const made = await madeFile(file, (sink) => writeBundle(order, sink))
  const { covered, entries: count, files, manifest, missingPolicies, proofs, segments } = made
  const what = `${count} entries, ${segments} segments, ${proofs} proofs in ${files} files`
  const signed = covered === 0 ? 'no checkpoint is signed' : `the checkpoint covers ${covered}`
  say(flags, made, `${shownPath(file)}: ${what}; ${signed}\nmanifest ${manifest}`)
  if (missingPolicies.length > 0) {
    complain(`policies that are not kept any more: ${missingPolicies.join(', ')}`)
  }
  return exitCodes.done
}

async function soc2(flags: Given, directory: string): Promise<number> {
  const { writeSoc2 } = await import('../evidence/bundle/soc2.ts')
  const { madeFile } = await import('../evidence/export/sink.ts')
  if (wordOf(flags, 'agent') !== '' || wordOf(flags, 'run') !== '') {
    throw new UsageError('--soc2 is about all agents: leave out --agent and --run')
  }
  const file = resolve(wordOf(flags, 'soc2'))
  const selection = selectionOf(flags)
  const made = await madeFile(file, async (sink) => {
    const aside = mkdtempSync(`${file}.part-`)
    try {
      return await writeSoc2({ directory, selection, aside, version }, sink)
    } finally {
      rmSync(aside, { recursive: true, force: true })
    }
  })
  const rows = made.controls.map(
    ({ entries: count, id, sample }) => `  ${id.padEnd(6)} ${count} entries, ${sample} proven`,
  )
  say(
    flags,
    made,
    [`${shownPath(file)}: ${rows.length} controls`, ...rows, `manifest ${made.manifest}`].join(
      '\n',
    ),
  )
  return exitCodes.done
}

async function anchorsOf(flags: Given, directory: string): Promise<AnchorReading | null> {
  const store = wordOf(flags, 'anchor')
  if (store === '') return null
  const { genesisIn } = await import('../evidence/export/export.ts')
  const { readAnchors } = await import('../evidence/anchor/read.ts')
  const { origin } = genesisIn(directory)
  return await readAnchors({ store, origin, environment: process.env, now: Date.now })
}

/** A seq, or a time as entries write it. errors  UsageError. */
function boundOf(flags: Given, name: string): number | string | null {
  const text = wordOf(flags, name)
  if (text === '') return null
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z)?$/.test(text)
  const at = isTime ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) {
    const form = 'a seq, or a time in UTC: 2026-11-21 or 2026-11-21T12:00:00Z'
    throw new UsageError(`--${name} is ${form}, not '${text}'`)
  }
  return new Date(at).toISOString()
}

/** `R`, or `A/R`; --agent says the same as A. errors  UsageError. */
function whoOf(flags: Given): { readonly agent: string | null; readonly run: string | null } {
  const [agent, text] = [wordOf(flags, 'agent'), wordOf(flags, 'run')]
  const slash = text.indexOf('/')
  if (slash < 0) return { agent: agent || null, run: text || null }
  if (agent !== '' && agent !== text.slice(0, slash)) {
    throw new UsageError(`--agent ${agent} and --run ${text} name two agents`)
  }
  return { agent: text.slice(0, slash), run: text.slice(slash + 1) }
}

function selectionOf(flags: Given): Selection {
  const [from, to] = [boundOf(flags, 'from'), boundOf(flags, 'to')]
  return {
    fromSeq: typeof from === 'number' ? from : 0,
    toSeq: typeof to === 'number' ? to : Number.MAX_SAFE_INTEGER,
    fromTime: typeof from === 'string' ? from : null,
    toTime: typeof to === 'string' ? to : null,
    ...whoOf(flags),
  }
}

function scopeOf(flags: Given): Scope {
  const [from, to] = [boundOf(flags, 'from'), boundOf(flags, 'to')]
  const { agent, run } = whoOf(flags)
  if (typeof from === 'string' || typeof to === 'string') {
    throw new UsageError('--bundle takes --from and --to as seqs; haltgate audit show finds them')
  }
  const isBounded = from !== null || to !== null
  if (agent !== null || run !== null) {
    if (isBounded) throw new UsageError('--bundle takes --run A/R, or --from and --to, not both')
    if (agent === null || run === null) throw new UsageError('--bundle takes a run as --run A/R')
    return { kind: 'run', agent, run }
  }
  if (!isBounded) return { kind: 'all' }
  return { kind: 'range', from: from ?? 0, to: to ?? Number.MAX_SAFE_INTEGER }
}

/** Waits where the reader is slower. */
const terminal: Sink = {
  write: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(error)
      })
    }),
}

function say(flags: Given, made: object, text: string): void {
  process.stdout.write(`${flags['json'] === true ? JSON.stringify(made) : text}\n`)
}

function complain(text: string): void {
  process.stderr.write(`haltgate: ${text}\n`)
}

const wordOf = (flags: Given, key: string): string => {
  const value = flags[key]
  return typeof value === 'string' ? value : ''
}
