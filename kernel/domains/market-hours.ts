/**
 * Whether an exchange trades at an instant, in its own time zone. The rules of daylight saving are written here, since
 * a library of time zones would answer differently from one version to the next, and replay with it.
 */
import { never } from '../contract.ts'
import { type Day, dateOf, dayMs, dayOf, weekdayIn } from './calendar.ts'
import type { Fact } from './check.ts'
import {
  frankfurt,
  kindOfDay,
  london,
  type MarketRule,
  newYork,
  tokyo,
  unruled,
} from './market-holidays.ts'

const minuteMs = 60_000
const hourMs = 3_600_000

/** From and before, in minutes of the local day. */
type Session = readonly [from: number, before: number]

export interface Exchange {
  readonly name: string
  /** ISO 4217 */
  readonly currency: string
  /** Of standard time, east of Greenwich. */
  readonly offsetMs: number
  readonly daylight: Daylight
  /** Ascending. */
  readonly sessions: readonly Session[]
  /** Minute at which a short day ends. */
  readonly earlyClose: number
  readonly rule: MarketRule
}

/** By whose rule the clocks change: nobody's, that of the United States, the European Union, or Sydney. */
const daylights = ['none', 'us', 'eu', 'au'] as const

type Daylight = (typeof daylights)[number]

const minuteOf = (hour: number, minute = 0): number => hour * 60 + minute

const ofNewYork = {
  currency: 'USD',
  offsetMs: -5 * hourMs,
  daylight: 'us',
  sessions: [[minuteOf(9, 30), minuteOf(16)]],
  earlyClose: minuteOf(13),
  rule: newYork,
} as const

const known: readonly Exchange[] = [
  { name: 'NYSE', ...ofNewYork },
  { name: 'NASDAQ', ...ofNewYork },
  {
    name: 'LSE',
    currency: 'GBP',
    offsetMs: 0,
    daylight: 'eu',
    sessions: [[minuteOf(8), minuteOf(16, 30)]],
    earlyClose: minuteOf(12, 30),
    rule: london,
  },
  {
    name: 'XETRA',
    currency: 'EUR',
    offsetMs: hourMs,
    daylight: 'eu',
    sessions: [[minuteOf(9), minuteOf(17, 30)]],
    earlyClose: minuteOf(14),
    rule: frankfurt,
  },
  {
    // The afternoon session is half an hour longer since 2024-11-05.
    name: 'TSE',
    currency: 'JPY',
    offsetMs: 9 * hourMs,
    daylight: 'none',
    sessions: [
      [minuteOf(9), minuteOf(11, 30)],
      [minuteOf(12, 30), minuteOf(15, 30)],
    ],
    earlyClose: minuteOf(11, 30),
    rule: tokyo,
  },
]

/** ISO 10383 codes of the same. */
const codes: ReadonlyMap<string, string> = new Map([
  ['XNYS', 'NYSE'],
  ['XNAS', 'NASDAQ'],
  ['XLON', 'LSE'],
  ['XETR', 'XETRA'],
  ['XTKS', 'TSE'],
])

const byName: ReadonlyMap<string, Exchange> = new Map(known.map((each) => [each.name, each]))

/** An exchange that is known by rule, by its name or its code. */
export function knownExchange(name: string): Exchange | null {
  return byName.get(codes.get(name) ?? name) ?? null
}

const offsetPattern = /^([+-])(0[0-9]|1[0-4]):([0-5][0-9])$/
const currencyPattern = /^[A-Z]{3}$/
const sessionPattern = /^([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])$/

/** An exchange as a table has it: `["+10:00", "au", "AUD", "10:00-16:00"]`; null where a part cannot be read. */
export function exchangeOfRow(name: string, row: Fact | readonly string[] | null): Exchange | null {
  if (typeof row !== 'object' || row === null) return null
  const [offset = '', rule = '', currency = '', ...hours] = row
  const shift = offsetPattern.exec(offset)
  const daylight = daylights.find((each) => each === rule)
  const sessions = hours.flatMap((each) => sessionOf(each) ?? [])
  if (shift === null || daylight === undefined || !currencyPattern.test(currency)) return null
  if (sessions.length === 0 || sessions.length < hours.length) return null
  const [, sign, hour, minute] = shift
  const size = (Number(hour) * 60 + Number(minute)) * minuteMs
  const offsetMs = sign === '-' ? -size : size
  return { name, currency, offsetMs, daylight, sessions, earlyClose: 0, rule: unruled }
}

function sessionOf(written: string): readonly Session[] | null {
  const match = sessionPattern.exec(written)
  if (match === null) return null
  const [, fromHour, fromMinute, toHour, toMinute] = match
  const from = minuteOf(Number(fromHour), Number(fromMinute))
  const before = minuteOf(Number(toHour), Number(toMinute))
  return from < before ? [[from, before]] : null
}

/** Instants at which daylight saving begins and ends in a year; where it begins last, it goes over the new year. */
function changes(exchange: Exchange, year: number): readonly [begins: number, ends: number] {
  const at = (day: Day, hours: number): number => day * dayMs + hours * hourMs
  const { daylight, offsetMs } = exchange
  const sundayOf = (month: number, nth: 1 | 2 | 'last'): Day =>
    weekdayIn(year, month, { weekday: 0, nth })
  switch (daylight) {
    case 'none':
      return [0, 0]
    // source  Energy Policy Act of 2005, section 110: at 2 o'clock of the clock on the wall.
    case 'us':
      return [at(sundayOf(3, 2), 2) - offsetMs, at(sundayOf(11, 1), 1) - offsetMs]
    // source  Directive 2000/84/EC, articles 2 and 3: at 1 o'clock in Greenwich, everywhere.
    case 'eu':
      return [at(sundayOf(3, 'last'), 1), at(sundayOf(10, 'last'), 1)]
    // source  Standard Time Act 1987 (New South Wales), section 4, as in force since 2008.
    case 'au':
      return [at(sundayOf(10, 1), 2) - offsetMs, at(sundayOf(4, 1), 2) - offsetMs]
    default:
      return never(daylight)
  }
}

/** How far the wall clock of an exchange is ahead of Greenwich at an instant. */
export function offsetAt(exchange: Exchange, at: number): number {
  const year = yearOf(Math.floor((at + exchange.offsetMs) / dayMs))
  const [begins, ends] = changes(exchange, year)
  const isSaving = begins <= ends ? at >= begins && at < ends : at >= begins || at < ends
  return exchange.offsetMs + (isSaving ? hourMs : 0)
}

function yearOf(day: Day): number {
  return Number(dateOf(day).slice(0, 4))
}

/** What the rules are written for: before, there were other ones; after, nobody knows the equinox. */
const firstInstant = dayOf(2024, [1, 1]) * dayMs
const lastInstant = dayOf(2099, [12, 30]) * dayMs

/** A day that is closed, or with the minute at which it ends early. */
const rowPattern = /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([01][0-9]|2[0-3]):([0-5][0-9]))?$/

export type MarketState = 'open' | 'closed' | 'unreadable'

/**
 * Whether it trades. A row of the operator's adds days that no rule knows: `2027-01-09` is closed, `2027-07-02T13:00`
 * ends then. A row that cannot be read leaves it unknown.
 */
export function stateAt(
  exchange: Exchange,
  at: number,
  row: Fact | readonly string[] | null,
): MarketState {
  if (!(at >= firstInstant && at < lastInstant)) return 'unreadable'
  const local = at + offsetAt(exchange, at)
  const day = Math.floor(local / dayMs)
  const stated = endStated(dateOf(day), row)
  if (stated === null) return 'unreadable'
  const kind = kindOfDay(day, exchange.rule(yearOf(day)))
  if (kind === 'closed') return 'closed'
  const end = kind === 'early' ? Math.min(stated, exchange.earlyClose) : stated
  const minute = Math.floor((local - day * dayMs) / minuteMs)
  const isOpen = exchange.sessions.some(([from, before]) => minute >= from && minute < before)
  return isOpen && minute < end ? 'open' : 'closed'
}

const wholeDay = 24 * 60

/** The minute at which the operator's table ends a day: 0 where it is closed, the whole day where it says nothing. */
function endStated(date: string, row: Fact | readonly string[] | null): number | null {
  if (row === null) return wholeDay
  const rows = typeof row === 'string' ? [row] : row
  if (typeof rows !== 'object') return null
  let end = wholeDay
  for (const each of rows) {
    const match = rowPattern.exec(each)
    if (match === null) return null
    const [, dated, hour, minute] = match
    if (dated !== date) continue
    end = Math.min(end, hour === undefined ? 0 : minuteOf(Number(hour), Number(minute)))
  }
  return end
}
