/** No text costs more than linear time: a hostile one of eight times the length costs about eight times as much. */
import { test } from 'tap'
import { contentRisk } from '../../../kernel/domains/content-risk.ts'
import { healthIdentifiers } from '../../../kernel/domains/health-patterns.ts'

const shortCharacters = 20_000
const times = 8

/** Quadratic would be 64; the rest is what a busy machine adds. */
const ratioMax = 32

/** Below this nothing is compared: a quadratic reader of the long text takes seconds. */
const costMinMs = 100

/** What is repeated to fill the text: beginnings that never end, and signs that are written out as many. */
const hostile: readonly string[] = [
  ...[
    'ignore ',
    'ignore previous ',
    'the ',
    '](http',
    '](http?',
    '?',
    '![',
    '-----BEGIN ',
    'A',
    'sk-',
  ],
  ...[
    'A-',
    'AKIA',
    '<|',
    '[/',
    '</',
    '\u0300',
    '\u0300\u0316',
    '\u200b',
    '\ufdfa',
    '\u321d',
    '\ud800',
  ],
  ...['1', '1-', '123-', '123-45-', '12 ', 'ssn ', 'ssn is ', 'mrn:', 'mrn is no ', 'patient id '],
  ...['dob ', 'born on ', 'dob 12 april ', 'dob april 12, ', '1/1/', '   '],
]

/** The least of a few runs, in milliseconds of the processor. */
function cost(run: () => void): number {
  const runs = [1, 2].map(() => {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  })
  return Math.min(...runs)
}

function isLinear(unit: string, read: (text: string) => unknown): boolean {
  const costOf = (characters: number): number => {
    const text = unit.repeat(Math.ceil(characters / unit.length))
    return cost(() => read(text))
  }
  const long = costOf(shortCharacters * times)
  return long < costMinMs || long / Math.max(0.5, costOf(shortCharacters)) < ratioMax
}

for (const read of [contentRisk, healthIdentifiers]) {
  test(`${read.name} is linear in hostile texts`, async (t) => {
    t.same(
      hostile.filter((unit) => !isLinear(unit, read)),
      [],
    )
  })
}
