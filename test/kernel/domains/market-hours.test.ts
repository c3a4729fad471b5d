/** When exchanges trade: holidays against their published calendars, clocks against another source, days that change. */
import fc from 'fast-check'
import { test } from 'tap'
import { present } from '../../../kernel/contract.ts'
import { dateOf, dayMs, dayOf, easterOf, isWeekend } from '../../../kernel/domains/calendar.ts'
import {
  frankfurt,
  kindOfDay,
  london,
  type MarketRule,
  newYork,
  tokyo,
} from '../../../kernel/domains/market-holidays.ts'
import {
  type Exchange,
  exchangeOfRow,
  knownExchange,
  offsetAt,
  stateAt,
} from '../../../kernel/domains/market-hours.ts'
import { seed, seedSentence } from '../seed.ts'

/** Every weekday of a year that is of a kind, as `MM-DD`. */
function weekdaysOf(rule: MarketRule, year: number, kind: 'closed' | 'early'): string {
  const found: string[] = []
  for (let day = dayOf(year, [1, 1]); day < dayOf(year + 1, [1, 1]); day += 1) {
    if (!isWeekend(day) && kindOfDay(day, rule(year)) === kind) found.push(dateOf(day).slice(5))
  }
  return found.join(' ')
}

type Row = readonly [name: string, rule: MarketRule, year: number, closed: string, early: string]

/** source  The Python package holidays 0.105; Xetra's short days are those of exchange_calendars. */
const rows: readonly Row[] = [
  [
    'NYSE',
    newYork,
    2024,
    '01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25',
    '07-03 11-29 12-24',
  ],
  [
    'NYSE',
    newYork,
    2025,
    '01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25',
    '07-03 11-28 12-24',
  ],
  [
    'NYSE',
    newYork,
    2026,
    '01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25',
    '11-27 12-24',
  ],
  ['NYSE', newYork, 2027, '01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24', '11-26'],
  ['NYSE', newYork, 2028, '01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25', '07-03 11-24'],
  ['NYSE', newYork, 2033, '01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26', '11-25'],
  [
    'NYSE',
    newYork,
    2034,
    '01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25',
    '07-03 11-24',
  ],
  ['LSE', london, 2024, '01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26', '12-24 12-31'],
  ['LSE', london, 2025, '01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26', '12-24 12-31'],
  ['LSE', london, 2026, '01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28', '12-24 12-31'],
  ['LSE', london, 2027, '01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28', '12-24 12-31'],
  ['LSE', london, 2028, '01-03 04-14 04-17 05-01 05-29 08-28 12-25 12-26', '12-22 12-29'],
  ['LSE', london, 2033, '01-03 04-15 04-18 05-02 05-30 08-29 12-26 12-27', '12-23 12-30'],
  ['XETRA', frankfurt, 2024, '01-01 03-29 04-01 05-01 12-24 12-25 12-26 12-31', '12-30'],
  ['XETRA', frankfurt, 2025, '01-01 04-18 04-21 05-01 12-24 12-25 12-26 12-31', '12-30'],
  ['XETRA', frankfurt, 2026, '01-01 04-03 04-06 05-01 12-24 12-25 12-31', '12-30'],
  ['XETRA', frankfurt, 2027, '01-01 03-26 03-29 12-24 12-31', '12-30'],
  ['XETRA', frankfurt, 2028, '04-14 04-17 05-01 12-25 12-26', '12-29'],
  [
    'TSE',
    tokyo,
    2024,
    '01-01 01-02 01-03 01-08 02-12 02-23 03-20 04-29 05-03 05-06 07-15 08-12 09-16 09-23 10-14 11-04 12-31',
    '',
  ],
  [
    'TSE',
    tokyo,
    2025,
    '01-01 01-02 01-03 01-13 02-11 02-24 03-20 04-29 05-05 05-06 07-21 08-11 09-15 09-23 10-13 11-03 11-24 12-31',
    '',
  ],
  [
    'TSE',
    tokyo,
    2026,
    '01-01 01-02 01-12 02-11 02-23 03-20 04-29 05-04 05-05 05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03 11-23 12-31',
    '',
  ],
  [
    'TSE',
    tokyo,
    2027,
    '01-01 01-11 02-11 02-23 03-22 04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-23 10-11 11-03 11-23 12-31',
    '',
  ],
  [
    'TSE',
    tokyo,
    2028,
    '01-03 01-10 02-11 02-23 03-20 05-03 05-04 05-05 07-17 08-11 09-18 09-22 10-09 11-03 11-23',
    '',
  ],
  [
    'TSE',
    tokyo,
    2032,
    '01-01 01-02 01-12 02-11 02-23 04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-21 09-22 10-11 11-03 11-23 12-31',
    '',
  ],
]

for (const [name, rule, year, closed, early] of rows) {
  test(`${name} keeps its holidays of ${year}`, async (t) => {
    // 2032-03-20 is a Saturday, and so no weekday is kept for it.
    t.equal(weekdaysOf(rule, year, 'closed'), closed)
    t.equal(weekdaysOf(rule, year, 'early'), early)
  })
}

test('Easter falls where the tables have it', async (t) => {
  const known = '2000-04-23 2008-03-23 2011-04-24 2024-03-31 2025-04-20 2038-04-25 2076-04-19'
  t.equal(
    known.replace(/[0-9-]{10}/g, (date) => dateOf(easterOf(Number(date.slice(0, 4))))),
    known,
  )
})

const rowOfSydney = ['+10:00', 'au', 'AUD', '10:00-12:00', '13:00-16:00']

/** An exchange that must be there, Sydney's by its row. */
function market(name: string): Exchange {
  return present(
    knownExchange(name) ?? exchangeOfRow(name, rowOfSydney),
    'the exchange of a test is known',
  )
}

const isOpen = (exchange: Exchange, instant: string, days: readonly string[] | null = null) =>
  stateAt(exchange, Date.parse(instant), days) === 'open'

type Edge = readonly [exchange: string, firstOpen: string, firstClosed: string, why: string]

const edges: readonly Edge[] = [
  ['NYSE', '2026-11-23T14:30:00Z', '2026-11-23T21:00:00Z', 'in winter'],
  ['NYSE', '2026-07-06T13:30:00Z', '2026-07-06T20:00:00Z', 'in summer'],
  ['NASDAQ', '2026-03-06T14:30:00Z', '2026-03-06T21:00:00Z', 'the Friday before clocks go forward'],
  ['NASDAQ', '2026-03-09T13:30:00Z', '2026-03-09T20:00:00Z', 'the Monday after'],
  ['NYSE', '2026-10-30T13:30:00Z', '2026-10-30T20:00:00Z', 'the Friday before clocks go back'],
  ['NYSE', '2026-11-02T14:30:00Z', '2026-11-02T21:00:00Z', 'the Monday after'],
  ['XNYS', '2026-11-27T14:30:00Z', '2026-11-27T18:00:00Z', 'the day after Thanksgiving is short'],
  ['LSE', '2026-03-27T08:00:00Z', '2026-03-27T16:30:00Z', 'the Friday before clocks go forward'],
  ['LSE', '2026-03-30T07:00:00Z', '2026-03-30T15:30:00Z', 'the Monday after'],
  ['LSE', '2026-10-23T07:00:00Z', '2026-10-23T15:30:00Z', 'the Friday before clocks go back'],
  ['XLON', '2026-10-26T08:00:00Z', '2026-10-26T16:30:00Z', 'the Monday after'],
  ['LSE', '2026-12-24T08:00:00Z', '2026-12-24T12:30:00Z', 'Christmas Eve is short'],
  ['XETRA', '2026-03-27T08:00:00Z', '2026-03-27T16:30:00Z', 'the Friday before clocks go forward'],
  ['XETRA', '2026-03-30T07:00:00Z', '2026-03-30T15:30:00Z', 'the Monday after'],
  ['XETR', '2026-10-26T08:00:00Z', '2026-10-26T16:30:00Z', 'the Monday after they go back'],
  ['XETRA', '2026-12-30T08:00:00Z', '2026-12-30T13:00:00Z', 'the last trading day is short'],
  [
    'TSE',
    '2026-11-24T00:00:00Z',
    '2026-11-24T02:30:00Z',
    'the morning, of a day that began in UTC before',
  ],
  ['XTKS', '2026-11-24T03:30:00Z', '2026-11-24T06:30:00Z', 'the afternoon, after lunch'],
]

for (const [name, firstOpen, firstClosed, why] of edges) {
  test(`${name} trades from ${firstOpen} until ${firstClosed}: ${why}`, async (t) => {
    const exchange = market(name)
    const state = (at: number) => stateAt(exchange, at, null)
    t.equal(state(Date.parse(firstOpen) - 1), 'closed')
    t.equal(state(Date.parse(firstOpen)), 'open')
    t.equal(state(Date.parse(firstClosed) - 1), 'open')
    t.equal(state(Date.parse(firstClosed)), 'closed')
  })
}

test('no exchange trades on weekends and holidays, as they are in its own time zone', async (t) => {
  t.notOk(isOpen(market('NYSE'), '2026-11-21T15:00:00Z'), 'a Saturday')
  t.notOk(isOpen(market('NYSE'), '2026-11-22T15:00:00Z'), 'a Sunday')
  t.notOk(isOpen(market('NYSE'), '2026-11-26T15:00:00Z'), 'Thanksgiving')
  t.notOk(isOpen(market('NYSE'), '2026-07-03T15:00:00Z'), 'Independence Day, kept on Friday')
  t.notOk(isOpen(market('TSE'), '2026-11-23T01:00:00Z'), 'Labour Thanksgiving')
  t.ok(isOpen(market('TSE'), '2026-11-24T00:30:00Z'), 'Tuesday there')
  t.notOk(isOpen(market('TSE'), '2026-11-22T23:30:00Z'), 'Monday there, before nine')
})

test('the table of an operator closes a day, or ends it early', async (t) => {
  const days = ['2027-01-11', '2027-01-12T12:00']
  const nyse = market('NYSE')
  t.notOk(isOpen(nyse, '2027-01-11T15:00:00Z', days))
  t.ok(isOpen(nyse, '2027-01-12T16:59:59Z', days))
  t.notOk(isOpen(nyse, '2027-01-12T17:00:00Z', days))
  t.ok(isOpen(nyse, '2027-01-13T18:00:00Z', days))
  t.notOk(isOpen(nyse, '2026-11-27T19:00:00Z', ['2026-11-27T15:00']), 'a rule is not undone')
})

test('a table that cannot be read leaves it unknown whether it trades', async (t) => {
  const at = Date.parse('2026-11-23T15:00:00Z')
  for (const row of [
    ['2027-1-11'],
    ['2027-01-11 12:00'],
    ['2027-01-11T24:00'],
    [''],
    5,
    true,
    'x',
  ]) {
    t.equal(stateAt(market('NYSE'), at, row), 'unreadable', JSON.stringify(row))
  }
})

test('an instant beyond the rules is unreadable', async (t) => {
  const nyse = market('NYSE')
  for (const at of [
    0,
    -1,
    8.64e15,
    Number.MAX_SAFE_INTEGER,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ]) {
    t.equal(stateAt(nyse, at, null), 'unreadable', String(at))
  }
})

test('another exchange is known by a row of a table', async (t) => {
  const sydney = market('ASX')
  t.equal(sydney.currency, 'AUD')
  t.ok(isOpen(sydney, '2026-11-23T23:00:00Z'), 'ten in summer')
  t.notOk(isOpen(sydney, '2026-11-23T22:59:59Z'))
  t.notOk(isOpen(sydney, '2026-11-24T01:30:00Z'), 'lunch')
  t.ok(isOpen(sydney, '2026-07-07T00:00:00Z'), 'ten in winter')
  t.notOk(isOpen(sydney, '2026-07-06T23:59:59Z'))
})

test('a row of which a part cannot be read is no exchange', async (t) => {
  const bad = [
    null,
    5,
    'ASX',
    [],
    ['+10:00', 'au', 'AUD'],
    ['10:00', 'au', 'AUD', '10:00-16:00'],
    ['+15:00', 'au', 'AUD', '10:00-16:00'],
    ['+10:00', 'mars', 'AUD', '10:00-16:00'],
    ['+10:00', 'au', 'aud', '10:00-16:00'],
    ['+10:00', 'au', 'AUD', '16:00-10:00'],
    ['+10:00', 'au', 'AUD', '10:00-16:00', '17'],
  ]
  for (const row of bad) t.equal(exchangeOfRow('ASX', row), null, JSON.stringify(row))
  t.equal(knownExchange('nyse'), null)
  t.equal(knownExchange('__proto__'), null)
})

const zones = [
  ['NYSE', 'America/New_York'],
  ['LSE', 'Europe/London'],
  ['XETRA', 'Europe/Berlin'],
  ['TSE', 'Asia/Tokyo'],
  ['ASX', 'Australia/Sydney'],
] as const

/** What the time zones of the runtime say; they are another source than the rules. */
function offsetIn(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at)
  const part = (type: string): number =>
    Number(parts.find((each) => each.type === type)?.value ?? Number.NaN)
  const local = Date.UTC(
    ...([part('year'), part('month') - 1, part('day')] as const),
    ...([part('hour'), part('minute'), part('second')] as const),
  )
  return local - Math.floor(at / 1000) * 1000
}

for (const [name, zone] of zones) {
  test(`the clock of ${name} is that of ${zone}, on days that change too`, async (t) => {
    t.comment(seedSentence)
    const exchange = market(name)
    const between = { min: Date.UTC(2024, 0, 1), max: Date.UTC(2036, 0, 1) }
    const instants = fc.integer(between)
    fc.assert(
      fc.property(instants, (at) => offsetAt(exchange, at) === offsetIn(zone, at)),
      { seed, numRuns: 150 },
    )
    // Each change, to the second: where two whole days differ, the hours between them are looked at.
    for (let day = dayOf(2026, [1, 1]); day < dayOf(2028, [1, 1]); day += 1) {
      if (offsetAt(exchange, day * dayMs) === offsetAt(exchange, (day + 1) * dayMs)) continue
      for (let at = day * dayMs; at <= (day + 1) * dayMs; at += 1_800_000) {
        t.equal(
          offsetAt(exchange, at - 1000),
          offsetIn(zone, at - 1000),
          new Date(at).toISOString(),
        )
        t.equal(offsetAt(exchange, at), offsetIn(zone, at))
      }
    }
  })
}
