/** Days as numbers since 1970-01-01, and the rules by which people place holidays among them. No clock. */
import { instanceOf } from '../period.ts'

/** Of a day whose clocks do not change. */
export const dayMs = 86_400_000

/** Since 1970-01-01. */
export type Day = number

/** Sunday is 0. */
export type Weekday = 0 | 1 | 2 | 3 | 4 | 5 | 6

/** The day of a date; day 0 of a month is the last of the one before. */
export function dayOf(year: number, [month, day]: readonly [month: number, day: number]): Day {
  return Date.UTC(year, month - 1, day) / dayMs
}

/** `2026-11-21` */
export function dateOf(day: Day): string {
  return instanceOf({ kind: 'day' }, day * dayMs)
}

/** Which day of the week it is. */
export function weekdayOf(day: Day): Weekday {
  // 1970-01-01 was a Thursday.
  return ((((day + 4) % 7) + 7) % 7) as Weekday
}

/** Whether it is a Saturday or a Sunday. */
export function isWeekend(day: Day): boolean {
  return weekdayOf(day) % 6 === 0
}

/** The nth such weekday of a month, or the last one. */
export function weekdayIn(
  year: number,
  month: number,
  { weekday, nth }: { readonly weekday: Weekday; readonly nth: 1 | 2 | 3 | 4 | 'last' },
): Day {
  if (nth === 'last') {
    const last = dayOf(year, [month + 1, 0])
    return last - ((weekdayOf(last) - weekday + 7) % 7)
  }
  const first = dayOf(year, [month, 1])
  return first + ((weekday - weekdayOf(first) + 7) % 7) + 7 * (nth - 1)
}

/** The last day before this one that is neither on a weekend nor one of those. */
export function workdayBefore(day: Day, free: readonly Day[]): Day {
  let before = day - 1
  while (isWeekend(before) || free.includes(before)) before -= 1
  return before
}

/**
 * Easter Sunday of a year of the Gregorian calendar.
 *
 * source  Meeus, Astronomical Algorithms (1998), chapter 8.
 */
export function easterOf(year: number): Day {
  const golden = year % 19
  const century = Math.floor(year / 100)
  const ofCentury = year % 100
  const correction = Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3)
  const epact = (19 * golden + century - Math.floor(century / 4) - correction + 15) % 30
  const leap = 32 + 2 * (century % 4) + 2 * Math.floor(ofCentury / 4) - epact - (ofCentury % 4)
  const toSunday = leap % 7
  const shift = Math.floor((golden + 11 * epact + 22 * toSunday) / 451)
  const counted = epact + toSunday - 7 * shift + 114
  return dayOf(year, [Math.floor(counted / 31), (counted % 31) + 1])
}
