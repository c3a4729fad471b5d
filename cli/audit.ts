/** `audit verify` and `audit show`: read the ledger's files alone, and never write. */
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Failure } from '../kernel/reasons.ts'
import type { AnchorReading } from '../ledger/anchor.ts'
import { parseVkey } from '../ledger/note.ts'
import { firstSeqOf } from '../ledger/segment.ts'
import { type ReplayPort, verifyLedger } from '../ledger/verify.ts'
import { linesFrom, type Stored } from '../ledger/verify-entries.ts'
import { type Level, levels } from '../ledger/verify-report.ts'
import { barText, heads, reportText, rowOf, visible } from './audit-text.ts'
import { exitCodes } from './exit.ts'
import { layoutOf, UsageError } from './settings.ts'
import { table } from './table.ts'

export interface AuditVerifyOptions {
  readonly dataDirectory: string
  /** `SEQ:HASH` of an entry that was seen before. */
  readonly expectHead?: string | undefined
  readonly require?: string | undefined
  /** The first key of the checkpoints, as somebody outside knows it. */
  readonly key?: string | undefined
  /** `s3://bucket/prefix`, or a directory with notes that were anchored. */
  readonly anchor?: string | undefined
  /** Threads. */
  readonly workers?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly json?: boolean
  /** Re-executes the kernel over the chain, with the policies kept in the data directory. */
  readonly replay?: boolean
  readonly print: (text: string) => void
}

export interface AuditShowOptions {
  readonly dataDirectory: string
  /** One entry, in full. */
  readonly seq?: string | undefined
  /** kind, agent, run, from, to, last, json. */
  readonly flags?: Readonly<Record<string, unknown>>
  readonly print: (text: string) => void
}

/**
 * Verifies a ledger and prints what was found; answers the exit code of docs/ledger.md.
 *
 * errors  UsageError for a malformed option.
 */
export async function auditVerify(options: AuditVerifyOptions): Promise<number> {
  const { ledger, lock, policies } = layoutOf(options.dataDirectory)
  const expectHead = headOf(options.expectHead)
  const from = countOf(options.from, '--from')
  const to = countOf(options.to, '--to')
  const { key, replay } = options
  if (replay === true && (from ?? 0) > 0) {
    throw new UsageError('--replay begins with the first entry: leave out --from')
  }
  if (expectHead !== null && (expectHead.seq < (from ?? 0) || expectHead.seq > (to ?? Infinity))) {
    throw new UsageError('--expect-head must lie between --from and --to')
  }
  if (key !== undefined && parseVkey(key) === null) {
    throw new UsageError(`--key is a verifying key, NAME+ID+KEY, not '${key}'`)
  }
  const require = levelOf(options.require)
  const workers = workersOf(options, ledger)
  const anchors = options.anchor === undefined ? null : await anchorsIn(options.anchor, ledger)
  if (typeof anchors === 'string') {
    options.print(`haltgate: ${anchors}`)
    return unreadable
  }
  const report = await verifyLedger({
    directory: ledger,
    lockFile: lock,
    require,
    workers,
    now: Date.now(),
    ...(key === undefined ? {} : { key }),
    ...(anchors === null ? {} : { anchors }),
    ...(expectHead === null ? {} : { expectHead }),
    ...(from === null ? {} : { from }),
    ...(to === null ? {} : { to }),
    ...(replay === true ? { replay: await replayWith(policies) } : {}),
    progress: progressBar(),
  })
  if (options.json !== true && !existsSync(ledger)) {
    options.print(`there is no ${ledger}; name the gate's directory with --data DIR`)
  }
  options.print(options.json === true ? JSON.stringify(report, null, 2) : reportText(report))
  return report.exit
}

/** What docs/ledger.md has for something that could not be read. */
const unreadable = 5

const workersMax = 64

/** Segments from which on several threads are worth their start, and as many as are taken unasked. */
const [segmentsMin, workersDefault] = [4, 4] as const

/** errors  UsageError for a wrong number, and for a replay, which is made of one step after the other. */
function workersOf({ replay, workers }: AuditVerifyOptions, ledger: string): number {
  const count = countOf(workers, '--workers')
  if (count !== null && (count < 1 || count > workersMax)) {
    throw new UsageError(`--workers is a number from 1 to ${workersMax}, not '${count}'`)
  }
  if (replay === true && (count ?? 1) > 1) {
    throw new UsageError('--replay goes from entry to entry in one thread: leave out --workers')
  }
  if (replay === true || !existsSync(ledger)) return 1
  const segments = readdirSync(ledger).filter((name) => firstSeqOf(name) !== null).length
  const unasked = segments < segmentsMin ? 1 : Math.min(availableParallelism(), workersDefault)
  return count ?? unasked
}

/** Loaded on demand: most verifications ask nobody else. A sentence where the anchors cannot be read. */
async function anchorsIn(store: string, ledger: string): Promise<AnchorReading | string> {
  const { readAnchors } = await import('../evidence/anchor/read.ts')
  const first = existsSync(ledger) ? linesFrom(ledger, 0).next() : null
  const entry = first?.done === false ? first.value.entry : null
  const origin = entry?.data['origin']
  if (entry?.kind !== 'log.genesis' || typeof origin !== 'string') {
    return `${ledger} has no log.genesis, whose origin names its anchors; verify it without --anchor first`
  }
  try {
    const { env: environment } = process
    const reading = await readAnchors({ store, origin, environment, now: () => Date.now() })
    return store.startsWith('s3://') ? reading : { ...reading, store: `dir:${store}` }
  } catch (error) {
    if (error instanceof Failure) return error.message
    throw error
  }
}

/** Loaded on demand: a plain verification needs no policy. */
async function replayWith(policies: string): Promise<ReplayPort> {
  const { openReplay } = await import('../gate/replay.ts')
  const { storedTerms } = await import('./policy-store.ts')
  return openReplay(storedTerms(policies))
}

/** Shows how far it is, where somebody looks, after the first second, ten times a second at most. */
function progressBar(): (done: number, total: number) => void {
  const { stderr } = process
  const start = performance.now()
  let next = 1_000
  let shown = false
  return (done, total) => {
    const elapsedMs = performance.now() - start
    if (!stderr.isTTY) return
    if (done >= total && shown) stderr.write('\r\u001b[K')
    if (done >= total || elapsedMs < next) return
    stderr.write(`\r\u001b[K${barText({ done, total, elapsedMs }, stderr.columns || 80)}`)
    shown = true
    next = elapsedMs + 100
  }
}

function headOf(text: string | undefined): { seq: number; hash: string } | null {
  if (text === undefined) return null
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text)
  if (match === null) {
    throw new UsageError(`--expect-head is SEQ:HASH, with 64 lower-case hex digits, not '${text}'`)
  }
  return { seq: Number(match[1]), hash: match[2] ?? '' }
}

function levelOf(text: string | undefined): Level {
  const level = levels.find((one) => one === (text ?? 'chain'))
  if (level === undefined)
    throw new UsageError(`--require is one of ${levels.join(', ')}, not '${text}'`)
  return level
}

function countOf(value: unknown, name: string): number | null {
  if (value === undefined) return null
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value)
  throw new UsageError(`${name} is a number from 0 on, not '${String(value)}'`)
}

/** Rows between two heads of the table: widths are made for so many. */
const pageRows = 200

/** Entries that `--last` may ask for: they are kept in memory. */
const lastMax = 100_000

/**
 * Prints entries; answers 0, or 1 where the one that was asked for is not there.
 *
 * errors  UsageError for a malformed option; those of the file system.
 */
export async function auditShow(options: AuditShowOptions): Promise<number> {
  const { dataDirectory, flags = {}, print } = options
  const { ledger } = layoutOf(dataDirectory)
  const seq = countOf(options.seq, 'SEQ')
  const from = countOf(flags['from'], '--from') ?? 0
  const to = countOf(flags['to'], '--to') ?? Number.MAX_SAFE_INTEGER
  const last = countOf(flags['last'], '--last')
  if (last !== null && last > lastMax) throw new UsageError(`--last is at most ${lastMax}`)
  if (!existsSync(ledger)) {
    const message = `there is no ledger in ${dataDirectory}; name the gate's directory with --data DIR`
    throw new Failure('ledger-unavailable', message)
  }
  if (seq !== null) return showOne(ledger, seq, { json: flags['json'] === true, print })
  const wanted = wantedBy(flags)
  let page: Stored[] = []
  const flush = (): void => {
    if (page.length > 0) print(pageText(page, flags['json'] === true))
    page = []
  }
  for (const stored of linesFrom(ledger, from)) {
    const at = stored.entry?.seq ?? from
    if (at > to) break
    if (at < from || !wanted(stored)) continue
    page.push(stored)
    if (last === null && page.length >= pageRows) flush()
    else if (last !== null && page.length >= 2 * last + pageRows) page = lastOf(page, last)
  }
  if (last !== null) page = lastOf(page, last)
  flush()
  return exitCodes.done
}

const lastOf = (page: Stored[], count: number): Stored[] => (count === 0 ? [] : page.slice(-count))

function pageText(page: readonly Stored[], json: boolean): string {
  if (json) return page.map(({ text }) => text).join('\n')
  return table(heads, page.map(rowOf))
}

/** Broken lines are shown where no filter asks for something that only an entry has. */
function wantedBy(flags: Readonly<Record<string, unknown>>): (stored: Stored) => boolean {
  const { agent, kind, run } = flags
  const filtered = agent !== undefined || kind !== undefined || run !== undefined
  return ({ entry }) => {
    if (entry === null) return !filtered
    if (kind !== undefined && entry.kind !== kind) return false
    if (agent !== undefined && entry.actor.agent !== agent) return false
    return run === undefined || entry.actor.run === run
  }
}

function showOne(
  ledger: string,
  seq: number,
  { json, print }: { readonly json: boolean; readonly print: (text: string) => void },
): number {
  for (const { entry, offset, segment, text } of linesFrom(ledger, seq)) {
    if (entry === null || entry.seq < seq) continue
    if (entry.seq > seq) break
    if (json) print(text)
    else {
      const lines = JSON.stringify(entry, null, 2).split('\n').map(visible)
      print([`${segment}:${offset}`, ...lines].join('\n'))
    }
    return exitCodes.done
  }
  print(`haltgate: ${ledger} has no sound entry ${seq}; haltgate audit verify says why`)
  return exitCodes.no
}
