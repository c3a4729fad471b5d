/** `audit verify` and `audit show`: read the ledger's files alone, and never write. */
import { existsSync } from 'node:fs'
import { openReplay } from '../gate/replay.ts'
import { Failure } from '../kernel/reasons.ts'
import { verifyLedger } from '../ledger/verify.ts'
import { linesFrom, type Stored } from '../ledger/verify-entries.ts'
import { type Level, levels } from '../ledger/verify-report.ts'
import { heads, reportText, rowOf, visible } from './audit-text.ts'
import { exitCodes } from './exit.ts'
import { layoutOf, UsageError } from './settings.ts'
import { table } from './table.ts'

export interface AuditVerifyOptions {
  readonly dataDirectory: string
  /** `SEQ:HASH` of an entry that was seen before. */
  readonly expectHead?: string | undefined
  readonly require?: string | undefined
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
  if (options.replay === true && (from ?? 0) > 0) {
    throw new UsageError('--replay begins with the first entry: leave out --from')
  }
  if (expectHead !== null && (expectHead.seq < (from ?? 0) || expectHead.seq > (to ?? Infinity))) {
    throw new UsageError('--expect-head must lie between --from and --to')
  }
  const report = await verifyLedger({
    directory: ledger,
    lockFile: lock,
    require: levelOf(options.require),
    ...(expectHead === null ? {} : { expectHead }),
    ...(from === null ? {} : { from }),
    ...(to === null ? {} : { to }),
    ...(options.replay === true ? { replay: await replayWith(policies) } : {}),
    progress: progressLine(),
  })
  if (options.json !== true && !existsSync(ledger)) {
    options.print(`there is no ${ledger}; name the gate's directory with --data DIR`)
  }
  options.print(options.json === true ? JSON.stringify(report, null, 2) : reportText(report))
  return report.exit
}

/** Loaded on demand: a plain verification needs no policy. */
async function replayWith(policies: string): Promise<ReturnType<typeof openReplay>> {
  const { storedTerms } = await import('./policy-store.ts')
  return openReplay(storedTerms(policies))
}

/** Shows how far it is, where somebody looks, from the second second on. */
function progressLine(): (done: number, total: number) => void {
  const { stderr } = process
  const start = performance.now()
  let shown = -1
  return (done, total) => {
    if (!stderr.isTTY || performance.now() - start < 1_000) return
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100)
    if (percent !== shown) stderr.write(`\r\u001b[Kverifying ${percent} %`)
    if (done >= total) stderr.write('\r\u001b[K')
    shown = percent
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
