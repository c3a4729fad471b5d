/** No input costs more than linear time: a hostile one of eight times the length costs about eight times as much. */
import { test } from 'tap'
import { detectorNames } from '../../kernel/payload.ts'
import { scan } from '../../payload/detect.ts'
import { openInspector } from '../../payload/inspect.ts'
import { ownSecrets } from '../../payload/own-secrets.ts'
import { providerKeys } from '../../payload/provider-keys.ts'

const shortBytes = 20_000
const times = 8

/** Quadratic would be 64; the rest is what a busy machine adds. */
const ratioMax = 32

const dashes = '-'.repeat(5)
const pem = `${dashes}BEGIN PRIVATE KEY${dashes}`

/** What is repeated to fill the input: beginnings that never end, and what makes many of them overlap. */
const hostile: readonly string[] = [
  'a',
  '-',
  '1',
  '1 ',
  '1-',
  '12345678 ',
  '4111 ',
  '@',
  'a@',
  'a@a.',
  'eyJ',
  'eyJ.',
  'eyJhIjo.eyJ.',
  ' eyJhbGci.a.b',
  pem,
  `${pem}\n`,
  `${pem}${'A'.repeat(39)} `,
  'Private-Lines: 1\n',
  'DE89 3704 ',
  'AB 12 ',
  '\\',
  '\\u',
  '\\u005c',
  '\\\\u0041',
  '%',
  '%25',
  '%5Cu0025',
  'Q~',
  ':AA',
  '.atlasv1.',
  ' \n',
  'abcabcab',
  ...providerKeys.flatMap(({ starts }) => starts),
]

const secrets = ['abcabcabcabcabcabX', 'aaaaaaaaaaaaaaaaab', '\\\\\\\\\\\\\\\\!'].map((text) => ({
  name: text,
  value: Buffer.from(text),
}))

/** The least of a few runs, in milliseconds of the processor. */
function cost(run: () => void): number {
  let least = Infinity
  for (let round = 0; round < 2; round += 1) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1_000)
  }
  return least
}

const filled = (unit: string, bytes: number): Buffer => Buffer.alloc(bytes, unit, 'latin1')

/** Below this nothing is compared: 160 KB in 40 ms is 4 MB/s, where one quadratic pattern takes half a second. */
const costMinMs = 40

function isLinear(unit: string, run: (bytes: Buffer) => void): boolean {
  const long = filled(unit, shortBytes * times)
  const whole = cost(() => run(long))
  if (whole < costMinMs) return true
  const short = filled(unit, shortBytes)
  return (
    whole /
      Math.max(
        0.5,
        cost(() => run(short)),
      ) <
    ratioMax
  )
}

test('the detectors are linear in hostile inputs', async (t) => {
  const slow = hostile.filter((unit) => !isLinear(unit, (bytes) => scan(bytes, detectorNames)))
  t.same(slow, [])
})

test('the search for own secrets is linear in hostile inputs', async (t) => {
  const own = ownSecrets(secrets)
  const some = hostile.filter((unit) => !/^[A-Za-z]{2}/.test(unit))
  t.same(
    some.filter((unit) => !isLinear(unit, (bytes) => own.search(bytes))),
    [],
  )
})

test('a stream in small chunks is linear too', async (t) => {
  const inspector = openInspector({ secrets, key: Buffer.alloc(32) })
  const terms = [{ rule: 'r', action: 'warn', detectors: detectorNames, responses: true }] as const
  const push = (bytes: Buffer): void => {
    const stream = inspector.openStream({ place: 'request-body', terms })
    for (let at = 0; at < bytes.length; at += 16) stream.push(bytes.subarray(at, at + 16))
    stream.end()
  }
  const units = ['a', 'a\n', `${pem}\n`, '\\', 'eyJ', '1\n', 'aaaaaaaa ', ' \n']
  t.same(
    units.filter((unit) => !isLinear(unit, push)),
    [],
  )
})

test('throughput is printed, and held to nothing', async (t) => {
  const rows = Array.from({ length: 8_000 }, (_, id) => ({
    id,
    name: `Row ${id} of a table`,
    price: id * 1.25,
    at: new Date(1.7e12 + id * 1e7).toISOString(),
    note: 'The quick brown fox jumps over the lazy dog, and some more text follows it.',
  }))
  const bytes = Buffer.from(JSON.stringify(rows))
  const own = ownSecrets(secrets)
  const speed = (run: () => void): string => `${(bytes.length / 1e3 / cost(run)).toFixed(0)} MB/s`
  t.comment(`detectors ${speed(() => scan(bytes, detectorNames))}`)
  t.comment(`own secrets ${speed(() => own.search(bytes))}`)
  t.same(scan(bytes, detectorNames), [], 'nothing is found in ordinary rows')
})
