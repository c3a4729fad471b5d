/** Replay says which entry does not follow, and how; a start on such a ledger refuses. */
import { type Test, test } from 'tap'
import { asLogged, eventOf, fold } from '../../gate/fold.ts'
import { openReplay } from '../../gate/replay.ts'
import { checkState } from '../../kernel/contracts.ts'
import type { Policy } from '../../kernel/policy.ts'
import { emptyState } from '../../kernel/state.ts'
import type { Entry } from '../../ledger/entry.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, GateWorld, policyText, settlement } from './world.ts'

const budgets = `  - id: life
    scope: agent
    period: lifetime
    limits: { bytes_down: 100, requests: 3 }
    on_limit: block`

interface Story {
  readonly entries: readonly Entry[]
  readonly policy: Policy
}

/** A ledger of one admitted, extended and settled request, and of one that was refused. */
async function story(t: Test): Promise<Story> {
  const disk = new MemoryDisk()
  const world = new GateWorld({ disk })
  t.teardown(() => world.place.remove())
  const policy = await compiled(policyText(budgets))
  await world.open(policy)
  const passage = await world.pass({}, { bytes_down: 10 })
  passage.open(() => undefined)
  await passage.extend({ bytes_down: 10 })
  passage.settle(settlement)
  await world.admit({ host: 'no.example.com' })
  await world.grant('agent:a', 2)
  await world.close()
  return { entries: disk.entries(), policy }
}

type Data = Readonly<Record<string, unknown>>

/** What replay says of a story in which the first entry of a kind is told otherwise. */
function told({ entries, policy }: Story, kind: string, change: (data: Data) => Data): string[] {
  const replay = openReplay((digest) => (digest === policy.digest ? policy : null))
  const found = entries.find((entry) => entry.kind === kind)
  const said: string[] = []
  for (const entry of entries) {
    const data = entry === found ? change(entry.data) : entry.data
    const mismatch = replay.entry({ ...entry, data })
    if (mismatch !== null) said.push(mismatch)
  }
  const end = replay.end()
  return end === null ? said : [...said, end]
}

const changes: readonly (readonly [string, string, (data: Data) => Data, RegExp])[] = [
  [
    'a refusal told as an allow',
    'decision',
    (data) => ({ ...data, verdict: 'deny' }),
    /the verdict recorded is deny, and allow follows/,
  ],
  [
    'another reason',
    'decision',
    (data) => ({ ...data, reasons: [{ code: 'no-rule', id: '' }] }),
    /the reasons recorded are \[no-rule\], and \[\] follow/,
  ],
  [
    'a smaller hold',
    'decision',
    (data) => ({ ...data, hold: { bytes_down: 9, requests: 1 } }),
    /the hold recorded has bytes_down 9, and 10 follows/,
  ],
  [
    'a hold more',
    'decision',
    (data) => ({ ...data, hold: { ...Object(data['hold']), wall: 1 } }),
    /wall 1, and unset follows/,
  ],
  ['a hold less', 'decision', (data) => ({ ...data, hold: {} }), /unset, and \d+ follows/],
  ['another policy', 'decision', (data) => ({ ...data, policy: 'sha256:00' }), /is not kept/],
  [
    'an extension of nothing',
    'extension',
    (data) => ({ ...data, request: 'another' }),
    /and halt follows|and deny follows/,
  ],
  [
    'a settlement of nothing',
    'settlement',
    (data) => ({ ...data, request: 'another' }),
    /of which no hold is open/,
  ],
  [
    'an ending of no kind',
    'settlement',
    (data) => ({ ...data, outcome: 'lost' }),
    /a contract does not hold: .*has an outcome/,
  ],
  [
    'a refused grant',
    'grant',
    (data) => ({ ...data, amount: 0 }),
    /the verdict recorded is allow, and deny follows/,
  ],
  [
    'a request without its lists',
    'decision',
    (data) => ({ ...data, rules: 'open', budgets: 1 }),
    /follow/,
  ],
  [
    'a request without a charge',
    'decision',
    (data) => ({ ...data, charge: null, at: 'now' }),
    /^$/,
  ],
]

void test('an entry that is told otherwise does not follow, and replay says how', async (t) => {
  const whole = await story(t)
  t.strictSame(
    told(whole, 'none', (data) => data),
    [],
    'the story as it is follows',
  )
  for (const [name, kind, change, wanted] of changes) {
    t.match(told(whole, kind, change)[0] ?? '', wanted, name)
  }
  t.strictSame(
    told({ ...whole, entries: [] }, 'none', (data) => data),
    [],
    'nothing follows from nothing',
  )
})

void test('a bug that is none of a contract goes through replay', async (t) => {
  const { entries, policy } = await story(t)
  const broken = openReplay(() => {
    throw new TypeError('a bug')
  })
  t.throws(() => entries.map((entry) => broken.entry(entry)), TypeError)
  const ended = (last: () => Policy): ReturnType<typeof openReplay> => {
    let done = 0
    const replay = openReplay(() => (done < entries.length ? policy : last()))
    for (const entry of entries) {
      replay.entry(entry)
      done += 1
    }
    return replay
  }
  const bug = ended(() => {
    const terms = { ...policy }
    Object.defineProperty(terms, 'digest', {
      get: () => {
        throw new TypeError('a bug')
      },
    })
    return terms
  })
  t.throws(() => bug.end(), TypeError)
  const wider = ended(() => {
    const life = policy.budgets.get('life')
    if (life === undefined) throw new Error('there is a budget')
    const dimensions = [...life.dimensions, 'wall']
    return { ...policy, budgets: new Map([['life', { ...life, dimensions }]]) }
  })
  t.match(wider.end(), /a contract does not hold: a purse in force has all dimensions/)
})

void test('a refused load moves nothing, and what says nothing of the state is no event', async (t) => {
  const { entries, policy } = await story(t)
  const load = entries.find(({ kind }) => kind === 'policy.load')
  if (load === undefined) throw new Error('a policy was loaded')
  t.equal(eventOf({ ...load, data: { ...load.data, verdict: 'deny' } }), null)
  t.equal(eventOf({ ...load, kind: 'alert' }), null)
  const { state, mismatch } = fold(emptyState, load, () => policy)
  t.equal(mismatch, null)
  t.doesNotThrow(() => checkState(state, policy))
  t.equal(asLogged(state), state, 'a state without dispatched holds is as it is')
})
