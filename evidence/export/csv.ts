/** Entries as CSV: a column for what people filter by, and one with all data as JSON. */
import { stringify } from 'csv-stringify/sync'
import type { Entry } from '../../ledger/entry.ts'
import type { Format } from './format.ts'
import { codesOf, listOf, textOf } from './reading.ts'

type Cell = (entry: Entry) => string | number

const member =
  (name: string): Cell =>
  ({ data }) =>
    textOf(data[name])

const joined =
  (name: string): Cell =>
  ({ data }) =>
    listOf(data[name]).map(textOf).join(' ')

/** By the name of the column, in the order of the file. */
const columns: Readonly<Record<string, Cell>> = {
  seq: ({ seq }) => seq,
  ts: ({ ts }) => ts,
  kind: ({ kind }) => kind,
  verdict: member('verdict'),
  agent: ({ actor }) => actor.agent ?? '',
  run: ({ actor }) => actor.run ?? '',
  principal: ({ actor }) => actor.principal ?? '',
  project: ({ actor }) => actor.project ?? '',
  tenant: ({ actor }) => actor.tenant ?? '',
  key: ({ actor }) => actor.key ?? '',
  method: member('method'),
  scheme: member('scheme'),
  host: member('host'),
  port: member('port'),
  path: member('path'),
  domain: member('domain'),
  action: member('action'),
  resource: member('resource'),
  model: member('model'),
  rules: joined('rules'),
  reasons: ({ data }) => codesOf(data['reasons']).join(' '),
  controls: joined('controls'),
  policy: ({ data }) => textOf(data['policy']) || textOf(data['digest']),
  request: member('request'),
  approval: ({ data }) => textOf(data['approval_id']) || textOf(data['approval']),
  outcome: member('outcome'),
  status: member('status'),
  code: member('code'),
  count: member('count'),
  scope: member('scope'),
  budget: member('budget'),
  dimension: member('dimension'),
  amount: member('amount'),
  by: member('by'),
  reason: member('reason'),
  message: member('message'),
  data: ({ data }) => JSON.stringify(data),
  hash: ({ hash }) => hash,
}

const cells = Object.values(columns)

/** A cell that a spreadsheet would compute gets an apostrophe before it (CWE-1236). */
const options = { escape_formulas: true }

export const csv: Format = {
  head: stringify([Object.keys(columns)]),
  text: (batch) =>
    stringify(
      batch.map(({ entry }) => cells.map((cell) => cell(entry))),
      options,
    ),
}
