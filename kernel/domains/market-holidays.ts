/** On which days the exchanges that we know by rule are closed, and on which they close early. */
import {
  type Day,
  dayOf,
  easterOf,
  isWeekend,
  type Weekday,
  weekdayIn,
  weekdayOf,
  workdayBefore,
} from './calendar.ts'

/** The days of one year; what falls on a weekend may be among them. */
export interface YearOfMarket {
  readonly closed: readonly Day[]
  readonly early: readonly Day[]
}

export type MarketRule = (year: number) => YearOfMarket

const [sunday, monday, thursday, friday, saturday]: readonly [0, 1, 4, 5, 6] = [0, 1, 4, 5, 6]

const isOn = (day: Day, weekday: Weekday): boolean => weekdayOf(day) === weekday

/** A Saturday's holiday is kept on the Friday before, a Sunday's on the Monday after. */
function nearest(day: Day): Day {
  if (isOn(day, saturday)) return day - 1
  return isOn(day, sunday) ? day + 1 : day
}

const nth = (weekday: Weekday, place: 1 | 2 | 3 | 4 | 'last') => ({ weekday, nth: place })

/** Closed by a decision of the exchange, not by a rule. */
const mourning: readonly Day[] = [dayOf(2025, [1, 9])]

/**
 * New York: NYSE and NASDAQ.
 *
 * source  NYSE Rule 7.2, and what the tests compare it with: New Year's Day on a Saturday is not kept on the Friday; the
 *         day before Independence Day and Christmas Eve are short where they are trading days.
 */
export function newYork(year: number): YearOfMarket {
  const newYear = dayOf(year, [1, 1])
  const thanksgiving = weekdayIn(year, 11, nth(thursday, 4))
  const closed = [
    isOn(newYear, sunday) ? newYear + 1 : newYear,
    weekdayIn(year, 1, nth(monday, 3)),
    weekdayIn(year, 2, nth(monday, 3)),
    easterOf(year) - 2,
    weekdayIn(year, 5, nth(monday, 'last')),
    nearest(dayOf(year, [6, 19])),
    nearest(dayOf(year, [7, 4])),
    weekdayIn(year, 9, nth(monday, 1)),
    thanksgiving,
    nearest(dayOf(year, [12, 25])),
    ...mourning,
  ]
  return { closed, early: [dayOf(year, [7, 3]), thanksgiving + 1, dayOf(year, [12, 24])] }
}

/**
 * London: the bank holidays of England; short on the last trading days before Christmas and before the new year.
 *
 * source  Banking and Financial Dealings Act 1971, schedule 1, and the proclamations by which a holiday on a weekend
 *         moves to the next weekday that is none.
 */
export function london(year: number): YearOfMarket {
  const newYear = dayOf(year, [1, 1])
  const christmas = dayOf(year, [12, 25])
  const easter = easterOf(year)
  // Both days move by two where Christmas is a Saturday, Christmas alone over Boxing Day where it is a Sunday.
  const ofChristmas: Partial<Record<Weekday, readonly Day[]>> = {
    [friday]: [christmas, christmas + 3],
    [saturday]: [christmas + 2, christmas + 3],
    [sunday]: [christmas + 1, christmas + 2],
  }
  const closed = [
    isOn(newYear, saturday) ? newYear + 2 : isOn(newYear, sunday) ? newYear + 1 : newYear,
    easter - 2,
    easter + 1,
    weekdayIn(year, 5, nth(monday, 1)),
    weekdayIn(year, 5, nth(monday, 'last')),
    weekdayIn(year, 8, nth(monday, 'last')),
    ...(ofChristmas[weekdayOf(christmas)] ?? [christmas, christmas + 1]),
  ]
  return {
    closed,
    early: [workdayBefore(christmas, closed), workdayBefore(dayOf(year + 1, [1, 1]), closed)],
  }
}

/** Frankfurt: Xetra. Short on the last trading day of the year. source  exchange_calendars, XETR since 2022. */
export function frankfurt(year: number): YearOfMarket {
  const easter = easterOf(year)
  const closed = [
    dayOf(year, [1, 1]),
    easter - 2,
    easter + 1,
    dayOf(year, [5, 1]),
    dayOf(year, [12, 24]),
    dayOf(year, [12, 25]),
    dayOf(year, [12, 26]),
    dayOf(year, [12, 31]),
  ]
  return { closed, early: [workdayBefore(dayOf(year, [12, 31]), closed)] }
}

/** Day of the month of an equinox in Japan, in 1980 to 2099. source  Shinkoyomi Benricho, Japan Coast Guard. */
function equinox(year: number, base: number): number {
  const since = year - 1980
  return Math.floor((base + 242_194 * since) / 1_000_000) - Math.floor(since / 4)
}

const vernal = 20_843_100
const autumnal = 23_248_800

/**
 * Tokyo: the national holidays, the first three days of the year and its last.
 *
 * source  Act on National Holidays (1948), articles 2 and 3: a holiday on a Sunday is kept on the next day that is
 *         none, and a day between two holidays is one.
 */
export function tokyo(year: number): YearOfMarket {
  const national = [
    dayOf(year, [1, 1]),
    weekdayIn(year, 1, nth(monday, 2)),
    dayOf(year, [2, 11]),
    dayOf(year, [2, 23]),
    dayOf(year, [3, equinox(year, vernal)]),
    dayOf(year, [4, 29]),
    dayOf(year, [5, 3]),
    dayOf(year, [5, 4]),
    dayOf(year, [5, 5]),
    weekdayIn(year, 7, nth(monday, 3)),
    dayOf(year, [8, 11]),
    weekdayIn(year, 9, nth(monday, 3)),
    dayOf(year, [9, equinox(year, autumnal)]),
    weekdayIn(year, 10, nth(monday, 2)),
    dayOf(year, [11, 3]),
    dayOf(year, [11, 23]),
  ]
  const kept = national.filter((day) => isOn(day, sunday)).map((day) => nextFree(day, national))
  const between = national.map((day) => day + 1).filter((day) => national.includes(day + 1))
  const ofExchange = [dayOf(year, [1, 2]), dayOf(year, [1, 3]), dayOf(year, [12, 31])]
  return { closed: [...national, ...kept, ...between, ...ofExchange], early: [] }
}

function nextFree(day: Day, taken: readonly Day[]): Day {
  let next = day + 1
  while (taken.includes(next)) next += 1
  return next
}

/** An exchange of which nothing is known by rule but its weekends. */
export function unruled(): YearOfMarket {
  return { closed: [], early: [] }
}

/** Whether an exchange trades on a day at all, and whether it closes early. */
export function kindOfDay(day: Day, { closed, early }: YearOfMarket): 'closed' | 'early' | 'whole' {
  if (isWeekend(day) || closed.includes(day)) return 'closed'
  return early.includes(day) ? 'early' : 'whole'
}
