/** Views of the ledger, page by page: the index finds the entries, and each record is made of the entries themselves. */
import type { Database } from 'better-sqlite3'
import type { Entry } from '../../ledger/entry.ts'
import type { EntryFilter } from '../index/filter.ts'
import { type Ask, find, type Page } from '../index/find.ts'
import type { RunSum } from '../index/run-sums.ts'
import { changeKinds, changeRecord } from './change-record.ts'
import { textIn } from './members.ts'
import { modelRecord } from './model-record.ts'
import { systemKinds, systemRecord } from './system.ts'
import { stepsOf } from './trace.ts'

export const recordViews = ['runs', 'models', 'system', 'changes', 'trace'] as const

export type RecordView = (typeof recordViews)[number]

export interface RecordsAsk extends Ask {
  readonly view: RecordView
}

export interface Records {
  /** In the order that was asked for, members in one order for each view. */
  readonly records: readonly object[]
  /** What the next page begins behind; null where nothing is left there now. */
  readonly after: number | null
  readonly freshTo: number | null
}

interface Where {
  readonly database: Database
  readonly directory: string
}

/** Entries of one request: a decision, a settlement, and extensions now and then. */
const relatedMax = 100

/** errors  as `find`. asserts nothing of the filter: a trace of no run in particular is empty. */
export function recordsOf(where: Where, ask: RecordsAsk): Records {
  switch (ask.view) {
    case 'runs':
      return runs(where, ask)
    case 'models': {
      const page = find(where, {
        ...ask,
        filter: { ...ask.filter, isModel: true, kind: 'decision' },
      })
      return made(page, (entry) =>
        modelRecord(entry, relatedTo(where, textIn(entry.data, 'request'))),
      )
    }
    case 'system': {
      const page = find(where, { ...ask, filter: { ...ask.filter, kinds: systemKinds } })
      return made(page, (entry) => systemRecord(entry, before(where, entry)))
    }
    case 'changes': {
      const page = find(where, { ...ask, filter: { ...ask.filter, kinds: changeKinds } })
      return made(page, (entry) =>
        changeRecord(entry, { before: before(where, entry), limit: null }),
      )
    }
    case 'trace':
      return trace(where, ask)
  }
}

function made({ after, freshTo, hits }: Page, recordOf: (entry: Entry) => object): Records {
  return { records: hits.map(({ entry }) => recordOf(entry)), after, freshTo }
}

function relatedTo(where: Where, request: string): readonly Entry[] {
  if (request === '') return []
  const ask = { order: 'oldest', after: null, limit: relatedMax, rowsMax: Infinity } as const
  return find(where, { ...ask, filter: { request } }).hits.map(({ entry }) => entry)
}

/** Of what kind, and of which verdict, the entry is that came before one like this. */
const precursors: Readonly<Record<string, EntryFilter>> = {
  'boot.open': { kinds: ['boot.open', 'boot.close'] },
  'policy.load': { kind: 'policy.load', verdict: 'allow' },
  'key.rotate': { kind: 'key.rotate' },
}

function before(where: Where, { kind, seq }: Entry): Entry | null {
  const filter = precursors[kind]
  if (filter === undefined) return null
  const ask = { order: 'newest', after: seq, limit: 1, rowsMax: Infinity } as const
  return find(where, { ...ask, filter }).hits[0]?.entry ?? null
}

const settledBefore = `
  SELECT sum(ended.cost) FROM entry AS begun JOIN entry AS ended ON ended.request = begun.request
  WHERE begun.agent = ? AND begun.run = ? AND begun.kind = 'decision' AND begun.seq <= ?
    AND ended.request IS NOT NULL AND ended.kind = 'settlement'`

/** A run is told from its beginning, whatever order was asked for. */
function trace(where: Where, ask: RecordsAsk): Records {
  const { agent, run } = ask.filter
  if (agent === undefined || run === undefined) return { records: [], after: null, freshTo: null }
  const page = find(where, { ...ask, order: 'oldest' })
  const sum = where.database.prepare<unknown[], number | null>(settledBefore).pluck()
  const first = page.hits[0]?.entry.seq ?? 0
  const spent = first === 0 ? 0 : (sum.get(agent, run, first - 1) ?? 0)
  const entries = page.hits.map(({ entry }) => entry)
  const steps = stepsOf(entries, (request) => relatedTo(where, request), spent)
  return { records: steps, after: page.after, freshTo: page.freshTo }
}

/** Runs by their last entry: sums that the index keeps, and that only `--verify-index` compares. */
function runs({ database }: Where, { after, filter, limit, order }: RecordsAsk): Records {
  const isNewest = order === 'newest'
  const [terms, values]: [string[], (string | number)[]] = [[], []]
  const add = (sql: string, value: string | number | undefined): void => {
    if (value === undefined) return
    terms.push(sql)
    values.push(value)
  }
  add('agent = ?', filter.agent)
  add('run = ?', filter.run)
  add('until >= ?', filter.from)
  add('since < ?', filter.to)
  add(`last ${isNewest ? '<' : '>'} ?`, after ?? undefined)
  const condition = terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`
  const sql = `SELECT * FROM run ${condition} ORDER BY last ${isNewest ? 'DESC' : 'ASC'} LIMIT ?`
  const sums = database.prepare<unknown[], RunSum>(sql).all(...values, limit)
  const last = sums.at(-1)
  const seq = database.prepare<[], number | null>('SELECT max(seq) FROM entry').pluck().get()
  return {
    records: sums.map(({ cost, ...sum }) => ({ ...sum, cost_nano_usd: cost })),
    after: sums.length < limit || last === undefined ? null : last.last,
    freshTo: seq ?? null,
  }
}
