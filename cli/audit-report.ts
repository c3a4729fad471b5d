/** `haltgate audit report|debrief|check-report`: a report of the ledger as a file, signed, and the check of one. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { ReportKey } from '../evidence/report/envelope.ts'
import { brief, visible } from '../evidence/report/figures.ts'
import { reportFrameworks } from '../evidence/report/frameworks.ts'
import type { Reading, ReportFormat, Wanted } from '../evidence/report/make.ts'
import { Failure } from '../kernel/reasons.ts'
import { parseVkey, type VerifyingKey } from '../ledger/note.ts'
import type { ReplayPort } from '../ledger/verify.ts'
import { exitCodes } from './exit.ts'
import { keyFile } from './key-file.ts'
import { type Flags, layoutOf, settingsOf, UsageError } from './settings.ts'
import { shownPath } from './shown-path.ts'
import { version } from './version.ts'

type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addAuditReport(
  audit: Command,
  finish: (work: Promise<number>) => Promise<void>,
): void {
  const command = (name: string, description: string): Command =>
    audit
      .command(name)
      .description(description)
      .requiredOption('--out <file>', 'where to write it; the signature goes to FILE.dsse.json')
      .option('--format <html|pdf>', 'as the name of the file ends, where it is left out')
      .option('--from <time>', 'entries from this instant on: 2026-11-01 or 2026-11-01T12:00:00Z')
      .option('--to <time>', 'and before this one')
      .option('--data <dir>', 'the data directory (HALTGATE_DATA)')
      .option('--replay', 'run the kernel again over all entries, and report what comes out')
      .option(
        '--at <time>',
        'when it is said to be made: the same ledger then gives the same bytes',
      )
      .option('--signing-key <file>', 'an Ed25519 key in PKCS8 PEM; DATA/keys/report.pem otherwise')
      .option('--no-sign', 'leave out the signature')
  command('report', 'which controls of a framework the ledger bears evidence on')
    .requiredOption('--framework <name>', `${reportFrameworks.join(', ')}, or all`)
    .action((flags: Given) => finish(auditReport(flags, frameworksOf(flags['framework']))))
  command('debrief', 'what agents did, on one page').action((flags: Given) =>
    finish(auditReport(flags, { kind: 'debrief' })),
  )
  audit
    .command('check-report')
    .description('check a report against its signature; with --data against its ledger')
    .argument('<file>')
    .option('--key <vkey>', 'the key that you trust: NAME+ID+BASE64, or a file that holds it')
    .option('--envelope <file>', 'the signature; FILE.dsse.json otherwise')
    .option('--data <dir>', 'the data directory, where the ledger is at hand')
    .action((file: string, flags: Given) => finish(checkFile(resolve(file), flags)))
}

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** errors  UsageError for a name that no report has. */
function frameworksOf(name: string | boolean | undefined): Wanted | UsageError {
  if (name === 'all') return { kind: 'compliance', frameworks: reportFrameworks }
  const found = reportFrameworks.find((one) => one === name)
  if (found !== undefined) return { kind: 'compliance', frameworks: [found] }
  const known = reportFrameworks.join(', ')
  return new UsageError(`--framework is one of ${known}, or all, not '${String(name)}'`)
}

/**
 * Writes a report and its signature; answers 0, or 1 where the ledger is not what it should be.
 *
 * errors  UsageError for a flag; Failure where ledger, key or file cannot be used.
 */
async function auditReport(flags: Given, asked: Wanted | UsageError): Promise<number> {
  if (asked instanceof UsageError) throw asked
  const out = resolve(wordOf(flags['out'], '--out'))
  const format = formatOf(flags['format'], out)
  const at = instantOf(flags['at'], '--at') ?? Date.now()
  const period = { from: instantOf(flags['from'], '--from'), until: instantOf(flags['to'], '--to') }
  if (period.from !== null && period.until !== null && period.from >= period.until) {
    throw new UsageError('--from is before --to')
  }
  const { dataDirectory } = settingsOf(flags, process.env)
  const { keys, ledger: directory, lock: lockFile, policies } = layoutOf(dataDirectory)
  const make = await import('../evidence/report/make.ts')
  const replay = flags['replay'] === true ? { replay: await replayWith(policies) } : {}
  const reading = await make.readLedger({ directory, lockFile, ...replay }, period)
  const key = flags['sign'] === false ? null : await signingKey(flags, keys, reading)
  const by = `haltgate ${version}`
  const content = await make.contentOf(asked, { ...reading, at, by, key: key?.vkey ?? '' })
  const bytes = await make.fileOf(content, format)
  replaceFile(out, bytes)
  const envelopeFile = `${out}.dsse.json`
  if (key === null) rmSync(envelopeFile, { force: true })
  else replaceFile(envelopeFile, await signed({ asked, at, by, bytes, key, out, reading }))
  return told(out, { bytes, format, key, reading })
}

interface Made {
  readonly asked: Wanted
  readonly at: number
  readonly by: string
  readonly bytes: Buffer
  readonly key: ReportKey
  readonly out: string
  readonly reading: Reading
}

async function signed({ asked, at, by, bytes, key, out, reading }: Made): Promise<string> {
  const { envelopeOf } = await import('../evidence/report/envelope.ts')
  const { span, verification } = reading
  return envelopeOf(
    {
      ...{ by, kind: asked.kind, verification },
      file: { name: basename(out), bytes },
      frameworks: asked.kind === 'compliance' ? asked.frameworks : [],
      from: new Date(span.from).toISOString(),
      until: new Date(span.until).toISOString(),
      at: new Date(at).toISOString(),
    },
    key,
  )
}

function told(
  out: string,
  made: {
    readonly bytes: Buffer
    readonly format: ReportFormat
    readonly key: ReportKey | null
    readonly reading: Reading
  },
): number {
  const { bytes, format, key, reading } = made
  const { tally, verification } = reading
  print(`${shownPath(out)}: ${format}, ${bytes.length} bytes, ${tally.counted} entries`)
  print(
    key === null
      ? 'not signed'
      : `${shownPath(out)}.dsse.json: signed by ${key.vkey}; give that key to whoever checks the report`,
  )
  if (verification.exit === 0) return exitCodes.done
  print(
    `the ledger: ${visible(verification.message)} The report says so; run haltgate audit verify.`,
  )
  return exitCodes.no
}

async function replayWith(policies: string): Promise<ReplayPort> {
  const { openReplay } = await import('../gate/replay.ts')
  const { storedTerms } = await import('./policy-store.ts')
  return openReplay(storedTerms(policies))
}

/** The key that was named, or the one of the data directory, which is made at its first use. */
async function signingKey(
  flags: Given,
  keys: string,
  { verification }: Reading,
): Promise<ReportKey> {
  const { reportKey } = await import('../evidence/report/envelope.ts')
  const named = flags['signingKey']
  const file = typeof named === 'string' ? resolve(named) : join(keys, 'report.pem')
  if (typeof named === 'string' && !existsSync(file)) {
    throw new UsageError(`there is no ${file}; make one: openssl genpkey -algorithm ed25519`)
  }
  return reportKey(verification.log?.origin ?? '', privateKeyOf(file, newKey))
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519')
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** errors  Failure where it is no Ed25519 key, or others could read it. */
function privateKeyOf(file: string, make: () => string): KeyObject {
  const pem = keyFile(file, make)
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw notKey(file, cause)
  }
  throw notKey(file, null)
}

function notKey(file: string, cause: unknown): Failure {
  const message = `${file} holds no Ed25519 key in PKCS8 PEM; name another with --signing-key FILE`
  return new Failure('ledger-unavailable', message, { cause })
}

/** Whole or not at all: the old file stands until the new one is complete. */
function replaceFile(file: string, content: Buffer | string): void {
  const next = `${file}.${process.pid}.new`
  try {
    writeFileSync(next, content, { mode: 0o600, flag: 'wx', flush: true })
    renameSync(next, file)
  } catch (cause) {
    rmSync(next, { force: true })
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `${file} cannot be written (${why}); choose another with --out FILE`
    throw new Failure('ledger-unavailable', message, { cause })
  }
}

/** Bytes of a report that are read for a check. */
const reportBytesMax = 256 * 1024 * 1024

async function checkFile(file: string, flags: Given): Promise<number> {
  const envelopeFile = resolve(
    typeof flags['envelope'] === 'string' ? flags['envelope'] : `${file}.dsse.json`,
  )
  const { checkReport } = await import('../evidence/report/check.ts')
  const { envelopeBytesMax } = await import('../evidence/report/envelope.ts')
  const data =
    typeof flags['data'] === 'string' ? layoutOf(settingsOf(flags, {}).dataDirectory) : null
  const own = data === null ? null : join(data.keys, 'report.pem')
  const checked = await checkReport({
    file: read(file, reportBytesMax),
    envelope: read(envelopeFile, envelopeBytesMax).toString('utf8'),
    pinned: pinnedOf(flags['key']),
    own: own !== null && existsSync(own) ? privateKeyOf(own, newKey) : null,
    ledger: data === null ? null : { directory: data.ledger, lockFile: data.lock },
  })
  for (const { ok, text } of checked.lines) print(`${ok ? 'ok ' : 'NOT'} ${brief(text, 400)}`)
  const results = { 0: 'OK', 1: 'NOT GENUINE', 3: 'INCOMPLETE' }
  print(results[checked.exit])
  return checked.exit
}

function read(file: string, bytesMax: number): Buffer {
  try {
    if (statSync(file).size > bytesMax) throw new Error(`it has more than ${bytesMax} bytes`)
    return readFileSync(file)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Failure('ledger-unavailable', `${file} cannot be read (${why})`, { cause })
  }
}

function pinnedOf(given: string | boolean | undefined): VerifyingKey | null {
  if (typeof given !== 'string') return null
  const text = existsSync(given) ? read(resolve(given), 4_096).toString('utf8').trim() : given
  const key = parseVkey(text)
  if (key === null) throw new UsageError('--key is NAME+ID+BASE64 of an Ed25519 key')
  return key
}

function wordOf(value: string | boolean | undefined, name: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new UsageError(`${name} is missing`)
}

function formatOf(given: string | boolean | undefined, out: string): ReportFormat {
  const wanted = given ?? (/\.html?$/i.test(out) ? 'html' : /\.pdf$/i.test(out) ? 'pdf' : undefined)
  if (wanted === 'html' || wanted === 'pdf') return wanted
  if (wanted === undefined) throw new UsageError('--format is html or pdf, or --out ends with it')
  throw new UsageError(`--format is html or pdf, not '${String(wanted)}'`)
}

/** A day, or an instant in UTC; milliseconds since the epoch. */
function instantOf(given: string | boolean | undefined, name: string): number | null {
  if (given === undefined) return null
  const text = String(given)
  const form = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z)?$/
  const instant = form.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(instant)) {
    throw new UsageError(`${name} is 2026-11-01 or 2026-11-01T12:00:00Z, not '${text}'`)
  }
  return instant
}
