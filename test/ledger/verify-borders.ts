/** Damage that a right hash covers, at the borders of segments, and at the end of the ledger. */
import {
  appendFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { altered, type Case, pathOf, rewrite, three } from './verify-damage.ts'
import { type Ledger, nameOf, type Shape } from './verify-ledgers.ts'

const canonical = ['NOT_CANONICAL']

/** Each of these is in the chain with a right hash. */
export const contents: readonly Case[] = (
  [
    ['a space', '"v":1}', '"v": 1}', canonical],
    [
      'descending keys',
      '"agent":"researcher","run":"default"',
      '"run":"default","agent":"a"',
      canonical,
    ],
    ['a doubled key', '"agent":"researcher"', '"agent":"a","agent":"researcher"', canonical],
    ['a capital key', '"host":', '"Host":', canonical],
    ['a fraction', '"verdict":"deny"', '"verdict":1.5', canonical],
    ['an exponent', '"verdict":"deny"', '"verdict":1e3', canonical],
    ['a minus zero', '"verdict":"deny"', '"verdict":-0', canonical],
    ['a leading zero', '"verdict":"deny"', '"verdict":01', canonical],
    ['an unsafe integer', '"verdict":"deny"', '"verdict":9007199254740992', canonical],
    ['a needless escape', '"method":"GET"', '"method":"G\\u0045T"', canonical],
    ['an escaped slash', '"method":"GET"', '"method":"\\/"', canonical],
    ['a long escape', '"method":"GET"', '"method":"\\u000a"', canonical],
    ['a capital escape', '"method":"GET"', '"method":"\\u001F"', canonical],
    ['a lone surrogate', '"method":"GET"', '"method":"\\ud800"', canonical],
    ['a raw control character', '"method":"GET"', '"method":"\u0001"', canonical],
    [
      'nesting 17 deep',
      '"verdict":"deny"',
      `"verdict":${'['.repeat(15)}${']'.repeat(15)}`,
      canonical,
    ],
    ['something else than JSON', '"method":"GET"', '"method":GET', canonical],
    ['an unknown member', '"v":1}', '"v":1,"w":1}', ['LINE_FORM']],
    ['a missing member', /"boot":"\w+",/, '', ['LINE_FORM']],
    ['an unknown id', '"agent":"researcher"', '"agent":"a","email":"b"', ['LINE_FORM']],
    ['data that is a list', /"data":\{.*\},"kind"/, '"data":[],"kind"', ['LINE_FORM']],
    ['a boot that is no ULID', '"boot":"01', '"boot":"81', ['LINE_FORM']],
    ['a kind in capitals', '"kind":"decision"', '"kind":"Decision"', ['LINE_FORM']],
    ['a month 13', '-11-21T', '-13-21T', ['LINE_FORM']],
    ['a version 2', '"v":1}', '"v":2}', ['VERSION']],
    ['a version 2 of another form', '"v":1}', '"v":2,"w":[]}', ['VERSION']],
    ['a version as a text', '"v":1}', '"v":"1"}', ['LINE_FORM']],
    ['a version that is true', '"v":1}', '"v":true}', ['LINE_FORM']],
    ['a clock that ran ahead', '"ts":"2024', '"ts":"2025', ['CLOCK_REGRESSION']],
    ['a wrong seq', '"seq":18,', '"seq":19,', ['SEQ_DUP', 'SEQ_GAP']],
    ['a wrong prev', /"prev":"[0-9a-f]{64}/, `"prev":"${'a'.repeat(64)}`, ['CHAIN_BREAK']],
    ['a second genesis', '"kind":"decision"', '"kind":"log.genesis"', ['GENESIS']],
    ['a segment.open within', '"kind":"decision"', '"kind":"segment.open"', ['SEGMENT_LINK']],
    ['nesting 16 deep', '"verdict":"deny"', `"verdict":${'['.repeat(14)}${']'.repeat(14)}`, []],
    ['the greatest integer', '"verdict":"deny"', '"verdict":-9007199254740991', []],
    ['a DEL, which is no control to JSON', '"method":"GET"', '"method":"\u007f"', []],
    ['a kind that is not known', '"kind":"decision"', '"kind":"approval"', []],
    ['text beyond ASCII', '"method":"GET"', '"method":"é\u2028€\ud834\udd1e\\u0000\\t"', []],
  ] as const
).map(([name, from, to, codes]) => ({
  name: `an entry with ${name}`,
  shape: altered(18, from, to),
  exit: codes.length === 0 ? 0 : codes[0] === 'VERSION' ? 6 : 1,
  codes,
}))

const second = (from: string | RegExp, to: string): Shape => altered(13, from, to)
const zeros = '0'.repeat(64)
const torn = { ...three, torn: { 0: '{"actor":{' } }

export const borders: readonly Case[] = [
  { name: 'one segment', shape: { segments: [8] }, exit: 0, codes: [] },
  { name: 'a genesis alone', shape: { segments: [1] }, exit: 0, codes: [] },
  { name: 'many segments', shape: { segments: [1, 1, 2, 3, 5, 8, 13] }, exit: 0, codes: [] },
  { name: 'a declared torn tail', shape: torn, exit: 0, codes: [] },
  {
    name: 'a declared torn tail with whole invalid lines in it',
    shape: { ...three, torn: { 0: 'x\n{"actor":{}}\n\0\0\0', 1: '\n' } },
    exit: 0,
    codes: [],
  },
  {
    name: 'a torn tail that nobody declared',
    damage: (ledger) => appendFileSync(pathOf(ledger, 0), '{"actor":'),
    exit: 1,
    codes: ['TORN_UNDECLARED'],
    seq: 13,
  },
  {
    name: 'a declared torn tail that was changed',
    shape: torn,
    damage: (ledger) => rewrite(ledger, 0, (all) => [...all, Buffer.from('{"actor":[')]),
    exit: 1,
    codes: ['TORN_UNDECLARED'],
  },
  {
    name: 'a declared torn tail that was removed',
    shape: torn,
    damage: (ledger) => rewrite(ledger, 0, (all) => all),
    exit: 1,
    codes: ['TORN_UNDECLARED'],
  },
  {
    name: 'a torn record with another length',
    shape: {
      ...torn,
      alter: (seq, body) =>
        seq === 13 ? body.replace('"torn":{"bytes":10', '"torn":{"bytes":11') : body,
    },
    exit: 1,
    codes: ['TORN_UNDECLARED'],
  },
  {
    name: 'a torn tail called clean',
    shape: {
      ...torn,
      alter: (seq, body) => (seq === 13 ? body.replace('"clean":false', '"clean":true') : body),
    },
    exit: 1,
    codes: ['SEGMENT_LINK'],
  },
  ...(
    [
      ['another SHA-256 before it', /("name":"[^"]*","sha256":")\w{64}("\},"snap)/, `$1${zeros}$2`],
      ['another length before it', /"previous":\{"bytes":\d/, '$&0'],
      ['another frontier', /"frontier":\["\w{64}/, `"frontier":["${zeros}`],
      ['too short a frontier', /"frontier":\["\w{64}",/, '"frontier":['],
      ['another tree size', '"tree_size":13', '"tree_size":12'],
      ['another first seq', '"first_seq":13', '"first_seq":12'],
      ['another snapshot', /"snapshot":(.*)"sha256":"\w{64}/, `"snapshot":$1"sha256":"${zeros}`],
      ['another kind', '"kind":"segment.open"', '"kind":"incident"'],
      ['no snapshot', /"snapshot":\{[^}]*\}/, '"snapshot":null'],
    ] as const
  ).map(([name, from, to]) => ({
    name: `a segment.open with ${name}`,
    shape: second(from, to),
    exit: 1,
    codes: ['SEGMENT_LINK'],
    seq: 13,
  })),
  {
    name: 'a snapshot that was changed',
    damage: (ledger) =>
      writeFileSync(join(ledger.directory, `snapshot-${'13'.padStart(15, '0')}.json`), '{}'),
    exit: 1,
    codes: ['SEGMENT_LINK'],
    seq: 13,
  },
  {
    name: 'a snapshot that is missing',
    damage: (ledger) => rmSync(join(ledger.directory, `snapshot-${'13'.padStart(15, '0')}.json`)),
    exit: 3,
    codes: ['SEGMENT_LINK'],
    seq: 13,
  },
  {
    name: 'a genesis of another specification',
    shape: altered(0, 'haltgate-ledger/1', 'haltgate-ledger/2'),
    exit: 6,
    codes: ['VERSION'],
  },
  {
    name: 'a genesis of another kind',
    shape: altered(0, 'log.genesis', 'incident'),
    exit: 1,
    codes: ['GENESIS'],
  },
  {
    name: 'a genesis without a log_id',
    shape: altered(0, /"log_id":"\w+",/, ''),
    exit: 1,
    codes: ['GENESIS'],
  },
  {
    name: 'a genesis after another entry',
    shape: altered(0, /"prev":"0/, '"prev":"1'),
    exit: 1,
    codes: ['GENESIS'],
  },
  {
    name: 'a deleted first segment',
    damage: (ledger) => rmSync(pathOf(ledger, 0)),
    exit: 1,
    codes: ['SEGMENT_MISSING'],
  },
  {
    name: 'a deleted segment in the middle',
    damage: (ledger) => rmSync(pathOf(ledger, 1)),
    exit: 1,
    codes: ['SEGMENT_MISSING'],
    seq: 27,
  },
  {
    name: 'no segment at all',
    damage: (ledger) => {
      for (const index of [0, 1, 2]) rmSync(pathOf(ledger, index))
    },
    exit: 1,
    codes: ['SEGMENT_MISSING'],
  },
  {
    name: 'two swapped segments',
    damage: (ledger) => {
      renameSync(pathOf(ledger, 1), `${pathOf(ledger, 1)}.aside`)
      renameSync(pathOf(ledger, 2), pathOf(ledger, 1))
      renameSync(`${pathOf(ledger, 1)}.aside`, pathOf(ledger, 2))
    },
    exit: 1,
    codes: ['CLOCK_REGRESSION', 'SEGMENT_LINK', 'SEGMENT_MISSING'],
  },
  {
    name: 'a segment under another name',
    damage: (ledger) => renameSync(pathOf(ledger, 2), join(ledger.directory, nameOf(28))),
    exit: 1,
    codes: ['SEGMENT_LINK'],
    seq: 27,
  },
]

export const tails: readonly Case[] = [
  ...[1, 2, 60, 300].map((bytes) => ({
    name: `a last line cut by ${bytes} bytes`,
    damage: (ledger: Ledger): void => {
      const path = pathOf(ledger, 2)
      truncateSync(path, readFileSync(path).length - bytes)
    },
    exit: 3,
    codes: ['TORN_TAIL'],
  })),
  {
    name: 'zeros behind the last line',
    damage: (ledger) => appendFileSync(pathOf(ledger, 2), Buffer.alloc(4096)),
    exit: 3,
    codes: ['TORN_TAIL'],
    seq: 40,
  },
  {
    name: 'zeros behind the last line, longer than a line',
    damage: (ledger) => appendFileSync(pathOf(ledger, 2), Buffer.alloc(700_000)),
    exit: 3,
    codes: ['TORN_TAIL'],
    seq: 40,
  },
  {
    name: 'more zeros behind the last line than a crash leaves',
    damage: (ledger) => appendFileSync(pathOf(ledger, 2), Buffer.alloc(2 * 1024 * 1024 + 1)),
    exit: 1,
    codes: ['TOO_LONG'],
    seq: 40,
  },
  {
    name: 'an empty newest segment',
    damage: (ledger) => writeFileSync(join(ledger.directory, nameOf(40)), ''),
    exit: 3,
    codes: ['TORN_TAIL'],
    seq: 40,
  },
  {
    name: 'a genesis that is half written',
    shape: { segments: [1] },
    damage: (ledger) => truncateSync(pathOf(ledger, 0), 100),
    exit: 3,
    codes: ['TORN_TAIL'],
    seq: 0,
  },
]
