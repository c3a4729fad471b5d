/** JSON Schemas of the audit routes. */
import { filterNames, wordBytesMax } from '../../evidence/index/ask.ts'
import { recordViews } from '../../evidence/records/views.ts'
import { severities, systemTypes } from '../../gate/statement.ts'
import { type Schema, scopedBody } from '../schemas.ts'

/** Entries of one page. */
export const limitMax = 500

const text = (description: string, more: Schema = {}): Schema => ({
  type: 'string',
  description,
  ...more,
})

const object = (
  properties: Readonly<Record<string, Schema>>,
  required = Object.keys(properties),
): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
})

const count = (description: string): Schema => ({ type: 'integer', minimum: 0, description })

const descriptions: Readonly<Record<string, string>> = {
  from: 'ISO 8601, a day, or how long ago (15m, 24h, 7d); included.',
  to: 'The same; not included.',
  receipt: 'SEQ-HASH, as the header Haltgate-Receipt has it.',
  rule: 'Id of a rule that matched.',
  reason: 'Code of a reason that spoke.',
  request: 'Id of a request.',
}

const word = { minLength: 1, maxLength: wordBytesMax }

const paging = {
  limit: text(`1 to ${limitMax}; 100 where it is absent.`, { pattern: '^[1-9][0-9]{0,2}$' }),
  order: { enum: ['newest', 'oldest'], description: 'newest where it is absent.' },
  cursor: text('Of the page before; with the same filters.', { minLength: 1, maxLength: 32 }),
}

export const entriesQuery: Schema = object(
  {
    ...Object.fromEntries(
      filterNames.map((name) => [name, text(descriptions[name] ?? name, word)]),
    ),
    ...paging,
  },
  [],
)

const recordFilters = [
  'from',
  'to',
  'agent',
  'run',
  'host',
  'verdict',
  'reason',
  'request',
] as const

export const recordsQuery: Schema = object(
  {
    ...Object.fromEntries(
      recordFilters.map((name) => [name, text(descriptions[name] ?? name, word)]),
    ),
    ...paging,
  },
  [],
)

export const seqParams: Schema = object({
  seq: text('Index of an entry.', { pattern: '^(0|[1-9][0-9]{0,14})$' }),
})

export const viewParams: Schema = object({ view: { enum: recordViews } })

const receipt: Schema = object({
  seq: count('Index of the entry.'),
  hash: text('Its leaf hash, hex.'),
})

const page = {
  cursor: {
    type: ['string', 'null'],
    description: 'Of the next page; null where there is none now.',
  },
  fresh_to: {
    type: ['integer', 'null'],
    description: 'Seq of the last entry that the index has: what is newer is in no page yet.',
  },
  head: count('Seq of the last durable entry.'),
}

export const entriesAnswer: Schema = object({
  entries: {
    type: 'array',
    items: {
      type: 'object',
      properties: {
        seq: count('Index of the entry.'),
        ts: text('RFC 3339.'),
        kind: text('See docs/ledger.md.'),
        receipt,
        href: text('The entry itself.'),
      },
      required: ['seq', 'ts', 'kind', 'receipt', 'href'],
    },
  },
  ...page,
})

export const entryAnswer: Schema = object({
  receipt,
  segment: text('File of the ledger.'),
  offset: count('Byte in it.'),
  line: text('The line as it is stored, without its LF: what the hash is made of.'),
  entry: { type: 'object', description: 'The same, decoded.' },
})

export const recordsAnswer: Schema = object({
  records: { type: 'array', items: { type: 'object' } },
  ...page,
})

const properties = scopedBody['properties'] as Readonly<Record<string, Schema>>

export const recordBody: Schema = object(
  {
    type: { enum: systemTypes },
    severity: { enum: severities },
    caused_by: text('A receipt, or an id of yours.', {
      maxLength: 128,
      pattern: '^[A-Za-z0-9._:/#@-]*$',
    }),
    message: properties['reason'] ?? {},
  },
  ['type', 'message'],
)

export const recordAnswer: Schema = object({ ok: { const: true }, receipt })
