/** What entries may hold: bounded, canonical, without credentials; and how few a flood can cause. */
import fc from 'fast-check'
import { test } from 'tap'
import { Flood, rejectedEntriesPerSecond } from '../../gate/flood.ts'
import type { Rejection } from '../../gate/gate.ts'
import { ascending, bounded, rejectedDraft } from '../../gate/record.ts'
import { redactPath } from '../../gate/redact.ts'
import { formatLine } from '../../ledger/line.ts'
import { VirtualClock } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import { gateTest, policyText } from './world.ts'
import '../kernel/seed.ts'

const hex = (length: number): string => '0123456789abcdef'.repeat(8).slice(0, length)

/** Path, and what an entry holds of it. */
const paths: readonly (readonly [string, string])[] = [
  ['/', '/'],
  ['', ''],
  ['/v1/chat/completions', '/v1/chat/completions'],
  ['/2026/11/21/a-long-slug-of-many-words-that-a-blog-would-have', '='],
  ['/orders/9b2f4c1e-7d3a-4e5b-8c6d-1a2b3c4d5e6f/items', '='],
  ['/users/8675309', '='],
  ['/task-force/risk-model/ask-me', '='],
  ['/acme/skills/spk-1', '='],
  [`/repo/commit/${hex(40)}`, '/repo/commit/[redacted]'],
  [`/blobs/sha256:${hex(64)}/x`, '/blobs/[redacted]/x'],
  [`/md5/${hex(32)}`, '/md5/[redacted]'],
  [`/short/${hex(31)}`, '='],
  ['/k/sk-ant-api03-abc', '/k/[redacted]'],
  ['/k/sk_live_4eC39H', '/k/[redacted]'],
  ['/k/pk_test_TYooMQ', '/k/[redacted]'],
  ['/k/ghp_16C7e42F292c69', '/k/[redacted]'],
  ['/k/github_pat_11AAAA', '/k/[redacted]'],
  ['/k/xoxb-123-456', '/k/[redacted]'],
  ['/k/AKIAIOSFODNN7EXAMPLE', '/k/[redacted]'],
  ['/k/AIzaSyA-abc', '/k/[redacted]'],
  ['/k/glpat-abc', '/k/[redacted]'],
  ['/k/npm_abc/tail', '/k/[redacted]/tail'],
  ['/k/hvs.CAESI', '/k/[redacted]'],
  ['/k/ya29.a0Af', '/k/[redacted]'],
  ['/bot123456789:AAF-x_y/getMe', '/[redacted]/getMe'],
  ['/j/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', '/j/[redacted]'],
  [
    '/hooks/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX',
    '/hooks/T00000000/B00000000/[redacted]',
  ],
]

void test('a segment of a path that looks like a credential is hidden, and words stay', (t) => {
  for (const [path, wanted] of paths) {
    const expected = wanted === '=' ? path : wanted
    t.strictSame(redactPath(path), { text: expected, redacted: expected !== path }, path)
  }
  const long = `/${'word-'.repeat(80)}`
  t.strictSame(redactPath(long), { text: long.slice(0, 256), redacted: true })
  const deep = '/a'.repeat(100)
  t.equal(redactPath(deep).redacted, false, 'short enough to be kept whole')
  const secretly = `${'/a'.repeat(70)}/ghp_16C7e42F292c69`
  t.notMatch(redactPath(secretly).text, /ghp_/)
  t.end()
})

void test('a string in an entry has at most 256 bytes, is well-formed, and is cut between characters', (t) => {
  const property = fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
    const kept = bounded(text)
    const whole = text.toWellFormed()
    const fits = Buffer.byteLength(whole) <= 256
    return (
      kept.isWellFormed() &&
      Buffer.byteLength(kept) <= 256 &&
      whole.startsWith(kept) &&
      (fits ? kept === whole : Buffer.byteLength(kept) > 252)
    )
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }))
  for (const character of ['a', 'é', '€', '😀', '\ud800']) {
    const kept = bounded(character.repeat(300))
    t.ok(Buffer.byteLength(kept) <= 256 && kept.isWellFormed(), character)
  }
  t.end()
})

void test('members are put in ascending order, and are the same object where they are already', (t) => {
  const members = { alpha: 1, beta: 2 }
  t.equal(ascending(members), members)
  t.strictSame(Object.keys(ascending({ beta: 2, alpha: 1, alpha_2: 3 })), [
    'alpha',
    'alpha_2',
    'beta',
  ])
  t.end()
})

/** Whatever an agent or a policy can bring into an entry. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom('😀'.repeat(100), '\udc00', `${'x'.repeat(255)}😀`, '\u0000\u001f\u007f"\\'),
)

gateTest(
  'no text that comes from outside makes an entry that the ledger refuses',
  {
    policy: policyText('', {
      rules: `  - id: what
    hosts: [ok.example.com]
    domain: finance
    action: axn_place_order
    resource: '"res_x:" + request.path'
    context: { zeta: request.path, alpha: request.method, count: "size(request.path)", yes: "true" }
    charge: { zebra: 2, ant: "size(request.path)" }
    effect: warn
`,
    }),
    disk: new MemoryDisk(),
    deepCheck: false,
  },
  async (t, world) => {
    const property = fc.asyncProperty(text, text, text, async (path, method, message) => {
      const answers = [
        await world.admit({ path: `/${path}`, method }),
        await world.admit({ path, method, host: 'no.example.com' }),
        await world.admit({ path }, {}, () => ({
          ...{ ok: false, code: 'destination-forbidden', message, addresses: [] },
        })),
      ]
      const rejection = { code: 'malformed-request', message, principal: null } as const
      await world.gate.reject({ ...rejection, listener: '127.0.0.1:3128' })
      await world.gate.refuseLoad([message, `policies.yaml:1:1: ${message}`])
      await world.gate.halt({ ...world.order('run:b/x'), reason: message })
      await world.clock.pass(60)
      for (const answer of answers) {
        if (!answer.refused) answer.settle({ outcome: 'voided', actual: {}, status: 0, cut: '' })
      }
      return !world.gate.sealed
    })
    const details = await fc.check(property, { numRuns: 150 })
    t.equal(details.failed, false, fc.defaultReportMessage(details) ?? `seed ${details.seed}`)
    t.strictSame(world.seals, [])
    for (const { data } of world.entries('decision', 'rejected', 'halt', 'policy.load')) {
      for (const value of Object.values(data)) {
        if (typeof value === 'string' && Buffer.byteLength(value) > 256) t.fail(value)
      }
    }
  },
)

void test('a draft is canonical as it is written', (t) => {
  const draft = rejectedDraft(
    { agent: 'a', run: 'r' },
    { at: 1, code: 'malformed-request', count: 1, listener: 'x', message: '\ud800', status: 400 },
  )
  const place = {
    boot: '0'.repeat(26),
    prev: '0'.repeat(64),
    seq: 1,
    ts: '2026-11-21T12:00:00.000Z',
  }
  t.doesNotThrow(() => formatLine({ ...draft, ...place }))
  t.end()
})

const rejected = (code: Rejection['code'], message: string): Rejection => {
  return { code, message, principal: null, listener: '127.0.0.1:3128' }
}

gateTest(
  'a flood of malformed requests causes a bounded number of entries, which count them all',
  { policy: policyText(), disk: new MemoryDisk() },
  async (t, world) => {
    const seconds = 4
    let sent = 0
    let receipts = 0
    for (let second = 0; second < seconds; second += 1) {
      const answers = Array.from({ length: 500 }, (_, index) => {
        sent += 1
        const code = index % 3 === 0 ? 'identity-required' : 'malformed-request'
        return world.gate.reject(rejected(code, `number ${index}`))
      })
      for (const answer of await Promise.all(answers)) if (answer.receipt !== null) receipts += 1
      await world.clock.pass(1_000)
    }
    const entries = world.entries('rejected')
    const counted = entries.reduce((sum, { data }) => sum + Number(data['count']), 0)
    t.equal(counted, sent, 'each is counted once')
    t.equal(receipts, seconds * rejectedEntriesPerSecond)
    t.ok(entries.length <= seconds * (rejectedEntriesPerSecond + 2), `${entries.length} entries`)
    await Promise.all(Array.from({ length: 30 }, () => world.gate.reject(rejected('halted', 'x'))))
    await world.close()
    const all = world.entries('rejected')
    const total = all.reduce((sum, { data }) => sum + Number(data['count']), 0)
    t.equal(total, sent + 30, 'a close writes what was counted')
    t.equal(world.clock.timers, 0)
    t.match(await world.gate.reject(rejected('halted', 'x')), { code: 'shutting-down' })
  },
)

const full = new MemoryDisk()

gateTest(
  'what a flood counted while the disk was full is written when there is room, and shuts nothing',
  { policy: policyText(), disk: full, freeBytesMin: 1_000 },
  async (t, world) => {
    const flood = Array.from({ length: 50 }, () => world.gate.reject(rejected('halted', 'x')))
    await Promise.all(flood)
    full.freeBytes = 10
    await world.clock.pass(1_500)
    t.equal(world.gate.sealed, false)
    t.equal(world.entries('rejected').length, rejectedEntriesPerSecond)
    full.freeBytes = 10_000
    await world.clock.pass(2_000)
    t.equal(world.last('rejected')['count'], 30)
  },
)

void test('a flood of many kinds is folded into a bounded number of them', (t) => {
  const clock = new VirtualClock()
  const written: { sample: string; count: number; mixed: boolean }[] = []
  const flood = new Flood<string>(clock, {
    entriesPerSecond: rejectedEntriesPerSecond,
    rateOf: () => '',
    kindOf: (sample) => sample,
    flush: (folded) => {
      written.push({ ...folded })
      return true
    },
  })
  let own = 0
  for (let index = 0; index < 1_000; index += 1) {
    if (flood.takes(`kind ${index}`)) own += 1
  }
  flood.close()
  t.equal(own, rejectedEntriesPerSecond)
  t.ok(written.length <= 65, `${written.length} entries`)
  t.same(
    written.filter(({ mixed }) => mixed).map(({ count }) => count),
    [1_000 - rejectedEntriesPerSecond - 64],
    'what is beyond them is said to be mixed',
  )
  t.equal(
    written.reduce((sum, { count }) => sum + count, own),
    1_000,
  )
  t.end()
})
