/** What `audit query` does: feeds the index, asks it, and prints what the ledger itself says. */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type FilterName, filterNames, filterOf } from '../evidence/index/ask.ts'
import { checkIndex } from '../evidence/index/check.ts'
import { IndexDesk, RenewedFailure, type Standing } from '../evidence/index/desk.ts'
import { type EntryFilter, receiptText } from '../evidence/index/filter.ts'
import type { Ask, Hit, Page } from '../evidence/index/find.ts'
import { factColumns, factsOf } from '../evidence/index/row.ts'
import { csvOf } from '../evidence/records/csv.ts'
import { Failure } from '../kernel/reasons.ts'
import { heads, rowOf, visible } from './audit-text.ts'
import { exitCodes } from './exit.ts'
import { type Flags, layoutOf, settingsOf, UsageError } from './settings.ts'
import { columns, table } from './table.ts'

/** What stands behind a command, as commander hands it over. */
export type Given = Flags & Readonly<Record<string, string | boolean | undefined>>

/** Where a question goes, and where its answer. */
export interface AskContext {
  readonly directory: string
  readonly databaseFile: string
  readonly form: 'text' | 'json' | 'csv'
  readonly limit: number | null
  readonly print: (text: string) => void
  /** For what is about the answer, and no part of it. */
  readonly remark: (text: string) => void
}

/** Where nobody says how many, a terminal is shown so many. */
export const textLimit = 100

/** Entries that `--limit` may ask for: they are kept in memory, to be printed oldest first. */
const limitMax = 100_000

const pageLimit = 500

/** Between two looks of `--follow`. */
const followMs = 250

/** errors  UsageError for a malformed flag; Failure where there is no ledger, or no index can be made. */
export async function auditQuery(flags: Given): Promise<number> {
  const context = contextOf(flags)
  if (flags['verifyIndex'] === true) return verifyIndex(context)
  const filter = filterIn(flags)
  const isFollowing = flags['follow'] === true
  if (isFollowing && context.form === 'csv') {
    throw new UsageError('--follow prints text or --json, not --csv')
  }
  return withDesk(context, async (desk, standing) => {
    const out = printer(context)
    const after = await printMatching(desk, { context, filter, out })
    const code = ending(standing, context)
    return isFollowing ? follow(desk, { context, filter, out }, after) : code
  })
}

/** errors  UsageError; Failure where there is no ledger. */
export function contextOf(flags: Given): AskContext {
  const { dataDirectory } = settingsOf(flags, process.env)
  const { csv, json, limit } = flags
  if (csv === true && json === true) {
    throw new UsageError('--json and --csv are two forms: name one')
  }
  const { index, ledger } = layoutOf(dataDirectory)
  if (!existsSync(ledger)) {
    const message = `there is no ledger in ${dataDirectory}; name the gate's directory with --data DIR`
    throw new Failure('ledger-unavailable', message)
  }
  return {
    directory: ledger,
    databaseFile: index,
    form: csv === true ? 'csv' : json === true ? 'json' : 'text',
    limit: limitOf(limit),
    print: (text) => void process.stdout.write(`${text}\n`),
    remark: (text) => void process.stderr.write(`${text}\n`),
  }
}

function limitOf(value: unknown): number | null {
  if (value === undefined) return null
  const limit = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : 0
  if (limit >= 1 && limit <= limitMax) return limit
  throw new UsageError(`--limit is a number from 1 to ${limitMax}, not '${String(value)}'`)
}

/** errors  UsageError naming the flag. */
export function filterIn(flags: Given): EntryFilter {
  const words: Partial<Record<FilterName, string>> = {}
  for (const name of filterNames) {
    const value = flags[name]
    if (typeof value === 'string') words[name] = value
  }
  const read = filterOf(words, Date.now())
  if ('problem' in read) throw new UsageError(`--${read.name} ${read.problem}`)
  return read.filter
}

/** Opens the index beside the ledger, feeds what it lacks, and closes it behind the work. */
export async function withDesk(
  context: AskContext,
  work: (desk: IndexDesk, standing: Standing) => Promise<number>,
): Promise<number> {
  const { databaseFile, directory } = context
  const desk = new IndexDesk({ databaseFile, directory, seed: Date.now() })
  try {
    return await work(desk, await caughtUp(desk, context))
  } finally {
    desk.close()
  }
}

async function caughtUp(desk: IndexDesk, { remark }: AskContext): Promise<Standing> {
  const progress = progressLine('indexing, at entry')
  const standing = await desk.feedAll(progress)
  progress(null)
  if (standing.renewed !== null) {
    remark(`haltgate: the index was made anew: ${visible(standing.renewed)}`)
  }
  return standing
}

/** Shows how far it is, where somebody looks, from the second second on; null when it is over. */
function progressLine(doing: string): (done: number | null) => void {
  const { stderr } = process
  const begun = performance.now()
  return (done) => {
    if (!stderr.isTTY || performance.now() - begun < 1_000) return
    stderr.write(done === null ? '\r\u001b[K' : `\r\u001b[K${doing} ${done}`)
  }
}

/** Asks; where the index turns out to be wrong, it is made anew, and asked once more. */
export async function asked<T>(
  desk: IndexDesk,
  context: AskContext,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof RenewedFailure)) throw error
    await caughtUp(desk, context)
    return ask()
  }
}

/** Says how fresh the answer is; 1 where the ledger is damaged, since something may be missing then. */
export function ending({ broken, freshTo }: Standing, { remark }: AskContext): number {
  const fresh = freshTo === null ? 'the ledger has no entry' : `fresh to entry ${freshTo}`
  if (broken === null) {
    remark(`haltgate: ${fresh}`)
    return exitCodes.done
  }
  const where = `${broken.segment}:${broken.offset}`
  remark(`haltgate: ${fresh}; at ${where} the ledger is damaged: ${visible(broken.message)}`)
  remark('haltgate: what lies behind it is not in this answer; see haltgate audit verify')
  return exitCodes.no
}

interface Matching {
  readonly context: AskContext
  readonly filter: EntryFilter
  readonly out: (hits: readonly Hit[]) => void
}

/** Prints what matches, the oldest first; answers how far it looked. */
async function printMatching(
  desk: IndexDesk,
  { context, filter, out }: Matching,
): Promise<number | null> {
  const { form, remark } = context
  const limit = context.limit ?? (form === 'text' ? textLimit : null)
  const ask = (more: Pick<Ask, 'after' | 'limit' | 'order'>): Promise<Page> =>
    asked(desk, context, () => desk.page({ filter, rowsMax: Number.POSITIVE_INFINITY, ...more }))
  let after: number | null = null
  let freshTo: number | null = null
  const found: Hit[] = []
  do {
    const page: Page =
      limit === null
        ? await ask({ order: 'oldest', limit: pageLimit, after })
        : await ask({ order: 'newest', limit: Math.min(pageLimit, limit - found.length), after })
    if (limit === null) out(page.hits)
    else found.push(...page.hits)
    // What comes behind the first page's end is what `--follow` begins with.
    freshTo ??= page.freshTo
    if (limit === null) freshTo = page.freshTo
    after = page.after
  } while (after !== null && (limit === null || found.length < limit))
  if (limit !== null) out(found.reverse())
  if (after !== null) remark(`haltgate: only the newest ${found.length}; --limit shows more`)
  return freshTo
}

/** Prints what comes, as it is written, until a signal ends it. */
async function follow(
  desk: IndexDesk,
  { context, filter, out }: Matching,
  from: number | null,
): Promise<number> {
  const ended = new AbortController()
  const end = (): void => ended.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  let after = from
  while (!ended.signal.aborted) {
    await caughtUp(desk, context)
    const ask = { order: 'oldest', rowsMax: Number.POSITIVE_INFINITY, limit: pageLimit } as const
    const page = await asked(desk, context, () => desk.page({ ...ask, filter, after }))
    if (page.hits.length > 0) out(page.hits)
    after = page.after ?? page.freshTo ?? after
    if (page.after === null) await paused(ended.signal)
  }
  return exitCodes.done
}

async function paused(signal: AbortSignal): Promise<void> {
  try {
    await pause(followMs, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Prints hits in the form that was asked for, a head first. */
function printer({ form, print }: AskContext): (hits: readonly Hit[]) => void {
  let isFirst = true
  return (hits) => {
    const isHead = isFirst
    isFirst = false
    if (form === 'json') {
      if (hits.length > 0) print(hits.map(({ text }) => text).join('\n'))
    } else if (form === 'csv') {
      const head = isHead ? [[...factColumns, 'receipt']] : []
      const rows = hits.map(({ entry }) => [...factsOf(entry), receiptText(entry)])
      if (head.length + rows.length > 0) print(csvOf([...head, ...rows]).slice(0, -1))
    } else if (hits.length > 0) {
      const rows = hits.map((hit) => [...rowOf({ ...hit, wrong: null }), receiptText(hit.entry)])
      print(isHead ? table([...heads, 'receipt'], rows) : columns(rows))
    } else if (isHead) print('nothing matches')
  }
}

/** Compares every row with the ledger; 0 where all agree, 1 where one does not. */
async function verifyIndex({
  databaseFile,
  directory,
  form,
  print,
  remark,
}: AskContext): Promise<number> {
  const progress = progressLine('comparing, at entry')
  const { findings, freshTo, rows, total } = await checkIndex({ databaseFile, directory, progress })
  progress(null)
  if (form === 'json') {
    print(JSON.stringify({ ok: total === 0, rows, fresh_to: freshTo, total, findings }))
    return total === 0 ? exitCodes.done : exitCodes.no
  }
  for (const { actual, code, expected, message, offset, segment, seq } of findings) {
    const place = segment === '' ? '' : ` ${segment}:${offset}`
    print(visible(`${code}${place}${seq === null ? '' : ` seq ${seq}`}: ${message}`))
    if (expected !== null) print(visible(`  the ledger  ${expected}`))
    if (actual !== null) print(visible(`  the index   ${actual}`))
  }
  const all = `${rows} rows, fresh to entry ${freshTo ?? 'none'}`
  print(
    total === 0 ? `OK  the index agrees with the ledger: ${all}` : `MISMATCH  ${total} in ${all}`,
  )
  if (total > 0)
    remark('haltgate: the ledger is right; remove the index, and the next question makes it anew')
  return total === 0 ? exitCodes.done : exitCodes.no
}
