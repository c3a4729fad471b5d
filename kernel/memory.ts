/** The memory of domains: what the marks of a state have against an admission, and what it leaves behind in them. */
import { amountMax } from './account.ts'
import { assert } from './contract.ts'
import { denial, type Finding, finding } from './finding.ts'
import { isMarkKey, type Mark, type MarkCheck, markChecksMax, marksMax } from './mark.ts'
import type { State } from './state.ts'
import type { Table } from './table.ts'
import { putMark, type Turn } from './turn.ts'

const counts = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** What is wrong with the questions of a domain themselves; null where an entry can hold them, and so they count. */
function malformed(checks: readonly MarkCheck[]): Finding | null {
  if (checks.length > markChecksMax) {
    const message = `The domains ask more than ${markChecksMax} things of their memory.`
    return denial('plugin-failed', '', message)
  }
  for (const { key, amount, limit, until, reason } of checks) {
    assert(counts(amount) && counts(limit) && counts(until), 'P8: amounts are safe integers')
    if (isMarkKey(key)) continue
    return denial('plugin-failed', reason.id, 'The domain marks a key that is no name or hash.')
  }
  return null
}

/** The mark of a key, unless its time has passed. */
function liveMark(state: State, key: string): Mark | undefined {
  const mark = state.marks.get(key)
  return mark !== undefined && mark.until > state.now ? mark : undefined
}

/** What an earlier check of the same admission adds under the same key. */
function addedBefore(checks: readonly MarkCheck[], at: number, key: string): number {
  let sum = 0
  for (const { op, key: other, amount } of checks.slice(0, at)) {
    if (op === 'add' && other === key) sum += amount
  }
  return sum
}

function refuses(state: State, checks: readonly MarkCheck[], index: number): boolean {
  const check = checks[index]
  if (check === undefined) return false
  const { op, key, amount, limit } = check
  const mark = liveMark(state, key)
  switch (op) {
    case 'once':
      // What may be used once until an instant is refused from then on: nothing would remember that it was used.
      return mark !== undefined || check.until <= state.now
    case 'add':
      return (mark?.amount ?? 0) + addedBefore(checks, index, key) + amount > limit
    case 'below':
      return mark !== undefined && mark.amount > limit
    case 'raise':
      return false
  }
}

/** What the memory has against an admission: every check that refuses, each with its own reason. */
export function markFindings(turn: Turn, checks: readonly MarkCheck[]): readonly Finding[] {
  const wrong = malformed(checks)
  if (wrong !== null) return [wrong]
  const findings: Finding[] = []
  for (const [index, { reason }] of checks.entries()) {
    if (refuses(turn, checks, index)) findings.push(finding('deny', reason))
  }
  if (hasRoom(turn, checks)) return findings
  const message = `The domains remember ${marksMax} things already: an operator must see to it.`
  return [...findings, denial('validator-refused', '', message)]
}

/** When the first mark of a table ends. A full one is asked again and again, and changes seldom. */
const soonest = new WeakMap<Table<Mark>, number>()

function soonestOf(marks: Table<Mark>): number {
  let instant = soonest.get(marks)
  if (instant === undefined) {
    instant = Number.POSITIVE_INFINITY
    for (const { until } of marks.values()) instant = Math.min(instant, until)
    soonest.set(marks, instant)
  }
  return instant
}

/** The number of marks that the checks would make anew. */
function freshOf(state: State, checks: readonly MarkCheck[]): number {
  const keys = new Set<string>()
  for (const { op, key, until } of checks) {
    if (op !== 'below' && until > state.now && !state.marks.has(key)) keys.add(key)
  }
  return keys.size
}

/** True where all that would be made anew fits, once what has ended is dropped. */
function hasRoom(turn: Turn, checks: readonly MarkCheck[]): boolean {
  const fresh = freshOf(turn, checks)
  if (fresh === 0 || turn.marks.size + fresh <= marksMax) return true
  if (soonestOf(turn.marks) > turn.now) return false
  for (const [key, { until }] of turn.marks) {
    if (until <= turn.now) turn.marks = turn.marks.delete(key)
  }
  return turn.marks.size + fresh <= marksMax
}

/** Leaves behind what an admission marks: amounts rise, ends move later, and what has ended begins anew. */
export function remember(turn: Turn, checks: readonly MarkCheck[]): void {
  for (const { op, key, amount, until } of checks) {
    if (op === 'below') continue
    const mark = liveMark(turn, key)
    if (mark === undefined) {
      if (until > turn.now) putMark(turn, { key, amount, until })
      continue
    }
    const after =
      op === 'add' ? Math.min(amountMax, mark.amount + amount) : Math.max(mark.amount, amount)
    putMark(turn, { key, amount: after, until: Math.max(mark.until, until) })
  }
}
