/** What `audit runs`, `models`, `system`, `changes`, `trace` and `record` do: views of the ledger, and one note in it. */
import type { IndexDesk } from '../evidence/index/desk.ts'
import type { EntryFilter } from '../evidence/index/filter.ts'
import { csvOf } from '../evidence/records/csv.ts'
import { limitsOf, withLimits } from '../evidence/records/limits.ts'
import type { Records, RecordView } from '../evidence/records/views.ts'
import { severities, systemTypes } from '../gate/statement.ts'
import {
  type AskContext,
  asked,
  contextOf,
  ending,
  filterIn,
  type Given,
  textLimit,
  withDesk,
} from './audit-ask.ts'
import { visible } from './audit-text.ts'
import { askControl } from './control-client.ts'
import { exitCodes } from './exit.ts'
import { storedTerms } from './policy-store.ts'
import { layoutOf, settingsOf, UsageError } from './settings.ts'
import { columns, table } from './table.ts'

const pageLimit = 500

/** What a terminal is shown of each view; `--json` and `--csv` have all. */
const shown: Readonly<Record<RecordView, readonly string[]>> = {
  runs: ['agent', 'run', 'since', 'until', 'decisions', 'refused', 'cost_nano_usd'],
  models: [
    ...['ts', 'agent', 'run', 'model', 'verdict', 'code', 'tokens_in', 'tokens_out'],
    ...['cost_nano_usd', 'usage_source', 'outcome', 'status', 'decision'],
  ],
  system: ['ts', 'type', 'severity', 'message', 'caused_by', 'receipt'],
  changes: ['ts', 'by', 'what', 'subject', 'before', 'after', 'reason', 'verdict', 'receipt'],
  trace: [
    ...['seq', 'ts', 'what', 'verdict', 'code', 'status', 'duration_ms'],
    ...['cost_nano_usd', 'spent_nano_usd', 'receipt'],
  ],
}

/** errors  UsageError; Failure where there is no ledger, or no index can be made. */
export function auditRecords(view: RecordView, flags: Given): Promise<number> {
  const { policies } = layoutOf(settingsOf(flags, process.env).dataDirectory)
  const limits = flags['limits'] === true ? policies : null
  return printRecords({ view, filter: filterIn(flags), limits }, contextOf(flags))
}

/** errors  as `auditRecords`. */
export function auditTrace(name: string, flags: Given): Promise<number> {
  const [agent = '', run = '', ...more] = name.split('/')
  if (agent === '' || run === '' || more.length > 0) {
    throw new UsageError(`'${name}' is no run: write AGENT/RUN`)
  }
  const filter = filterIn({ ...flags, agent, run })
  return printRecords({ view: 'trace', filter, limits: null }, contextOf(flags))
}

interface Printed {
  readonly view: RecordView
  readonly filter: EntryFilter
  /** Where the policies are kept, to find limits by a replay; null where only amounts are asked for. */
  readonly limits: string | null
}

function printRecords({ filter, limits, view }: Printed, context: AskContext): Promise<number> {
  return withDesk(context, async (desk, standing) => {
    const wanted = context.limit ?? (context.form === 'text' ? textLimit : Infinity)
    const records = await newest(desk, { view, filter, wanted, context })
    print(view, limits === null ? records : replayed(records, limits, context), context)
    return ending(standing, context)
  })
}

/** Some minutes of replay. */
const replayMax = 10_000_000

/** The same records, with the limits that a replay finds; why some are not known is said beside them. */
function replayed(
  records: readonly object[],
  policies: string,
  { directory, remark }: AskContext,
): readonly object[] {
  const granted = records.filter(
    (one) => 'what' in one && /^(grant|revoke)$/.test(String(one.what)),
  )
  const found = limitsOf({
    directory,
    termsOf: storedTerms(policies),
    seqs: new Set(granted.map((one) => ('seq' in one ? Number(one.seq) : -1))),
    entriesMax: replayMax,
  })
  if (found.stopped !== null) remark(`haltgate: limits are not all known: ${found.stopped}`)
  return withLimits(records, found)
}

interface Wanted {
  readonly view: RecordView
  readonly filter: EntryFilter
  readonly wanted: number
  readonly context: AskContext
}

/** The newest so many, the oldest of them first; of a trace the first so many. */
async function newest(desk: IndexDesk, wish: Wanted): Promise<readonly object[]> {
  const { context, filter, view, wanted } = wish
  const order = view === 'trace' ? 'oldest' : 'newest'
  const found: object[] = []
  let after: number | null = null
  do {
    const limit = Math.min(pageLimit, wanted - found.length)
    const ask = { view, filter, order, after, limit, rowsMax: Number.POSITIVE_INFINITY } as const
    const page: Records = await asked(desk, context, () => desk.records(ask))
    found.push(...page.records)
    after = page.after
  } while (after !== null && found.length < wanted)
  if (after !== null) context.remark(`haltgate: only ${found.length}; --limit shows more`)
  return order === 'oldest' ? found : found.reverse()
}

type Members = Readonly<Record<string, unknown>>

function print(
  view: RecordView,
  records: readonly object[],
  { form, ...context }: AskContext,
): void {
  const rows = records.map((record) => record as Members)
  if (form === 'json') {
    for (const row of rows) context.print(JSON.stringify(row))
    return
  }
  if (form === 'csv') {
    const names = Object.keys(rows[0] ?? {})
    const cells = rows.map((row) => names.map((name) => row[name]))
    if (rows.length > 0) context.print(csvOf([names, ...cells]).slice(0, -1))
    return
  }
  const names = shown[view]
  const cells = rows.map((row) => names.map((name) => visible(wordOf(row[name]))))
  context.print(rows.length === 0 ? 'nothing matches' : table(names, cells))
  const last = rows.at(-1)
  if (view === 'trace' && last !== undefined) context.print(spentIn(last))
}

const wordOf = (value: unknown): string =>
  value === null || value === undefined
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)

function spentIn(last: Members): string {
  const nano = Number(last['spent_nano_usd'])
  return columns([['spent', `${(nano / 1e9).toFixed(6)} USD`]])
}

/** Asks a running gate to write a note down. errors  UsageError; Failure where no gate answers. */
export async function auditRecord(type: string, flags: Given): Promise<number> {
  const { causedBy, message, severity } = flags
  if (!systemTypes.some((one) => one === type)) {
    throw new UsageError(`'${type}' is no type: write ${systemTypes.join(', ')}`)
  }
  if (!severities.some((one) => one === severity)) {
    throw new UsageError(`--severity is one of ${severities.join(', ')}`)
  }
  const body = {
    type,
    severity,
    message,
    ...(typeof causedBy === 'string' ? { caused_by: causedBy } : {}),
  }
  const settings = settingsOf(flags, process.env)
  const answer = await askControl(settings, 'POST', { path: '/api/v1/records', body })
  const receipt = answer.body['receipt']
  const seq = typeof receipt === 'object' && receipt !== null && 'seq' in receipt ? receipt.seq : ''
  const detail = String(answer.body['detail'] ?? `the gate answered ${answer.status}`)
  const text =
    answer.status < 300 ? `recorded  (entry ${String(seq)})` : `refused: ${visible(detail)}`
  process.stdout.write(`${flags['json'] === true ? JSON.stringify(answer.body) : text}\n`)
  return answer.status < 300 ? exitCodes.done : exitCodes.no
}
