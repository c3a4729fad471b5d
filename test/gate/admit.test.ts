/** Admission: what is asked, in which order, and what is durable before anyone hears of it. */
import type { Files } from '../../ledger/files.ts'
import { realFiles } from '../../ledger/files.ts'
import { settled } from './clock.ts'
import { allGood, compiled, gateTest, policyText, settlement, voided } from './world.ts'

const spent = (limit: number, onLimit = 'block'): string => `  - id: life
    scope: agent
    period: lifetime
    limits: { requests: ${limit} }
    on_limit: ${onLimit}`

/** The real machine, whose fdatasync does not return before it is let go. */
function slowDisk(): { files: Files; hold(): void; release(): void } {
  let gate: Promise<void> | null = null
  let open = (): void => undefined
  const files: Files = {
    ...realFiles,
    sync: async (descriptor) => {
      await realFiles.sync(descriptor)
      await gate
    },
  }
  return {
    files,
    hold: () => {
      gate = new Promise((resolve) => {
        open = resolve
      })
    },
    release: () => {
      gate = null
      open()
    },
  }
}

/** True where a promise has an answer once all that needs no disk has happened. */
async function isAnswered(promise: Promise<unknown>): Promise<boolean> {
  let answered = false
  void promise.then(() => {
    answered = true
  })
  for (let turn = 0; turn < 20; turn += 1) await settled()
  await new Promise((resolve) => setTimeout(resolve, 30))
  return answered
}

for (const [host, code] of [
  ['no.example.com', 'rule-denied'],
  ['unknown.example.com', 'no-rule'],
  ['bomb.example.com', 'rule-denied'],
]) {
  gateTest(
    `a request to ${host} is refused with ${code}, one entry, and no question to the resolver`,
    { policy: policyText() },
    async (t, world) => {
      let asked = 0
      const answer = await world.admit({ host: host ?? '' }, {}, () => {
        asked += 1
        return allGood()
      })
      t.equal(answer.refused && answer.code, code)
      t.equal(asked, 0, 'policy before DNS')
      const [decision, ...more] = world.entries('decision', 'settlement', 'rejected')
      t.strictSame(more, [], 'one entry')
      t.strictSame(answer.receipt, { seq: decision?.seq, hash: decision?.hash })
    },
  )
}

gateTest(
  'an allowed request asks the resolver once, and holds until it is settled',
  { policy: policyText(spent(5)) },
  async (t, world) => {
    const asked: unknown[][] = []
    const answer = await world.gate.admit(
      world.facts(),
      { charge: { requests: 1 }, ask: {} },
      {
        read: world.read,
        resolve: (...question) => {
          asked.push(question)
          return Promise.resolve(allGood())
        },
      },
    )
    t.strictSame(asked, [['ok.example.com', 80, []]])
    if (answer.refused) throw new Error(answer.code)
    t.strictSame(answer.addresses, ['192.0.2.1'])
    const [decision] = world.entries('decision')
    t.equal(decision?.hash, answer.receipt.hash, 'the entry is on disk when the passage is there')
    t.strictSame(decision?.data['addresses'], ['192.0.2.1'])
    t.equal(
      answer.open(() => undefined),
      null,
    )
    answer.settle(settlement)
    t.equal(world.used('life'), 1)
  },
)

const disk = slowDisk()

gateTest(
  'there is no passage before its entry is synced, and a halt that comes meanwhile refuses the dispatch',
  { policy: policyText(spent(5)), files: disk.files },
  async (t, world) => {
    disk.hold()
    const admitting = world.admit()
    t.notOk(await isAnswered(admitting), 'the sync has not returned')
    const halting = world.halt('agent:a')
    t.notOk(await isAnswered(halting), 'nor is a halt acknowledged before it is synced')
    const late = world.admit()
    disk.release()
    const passage = await admitting
    if (passage.refused) throw new Error(passage.code)
    t.equal(passage.open(() => t.fail('nothing was dispatched'))?.code, 'halted')
    passage.settle(voided)
    t.equal((await halting).ok, true)
    const second = await late
    t.equal(second.refused && second.code, 'halted', 'the halt took effect at once')
    t.equal(second.refused && second.halt?.scope, 'agent:a')
    t.equal(world.used('life'), 0, 'what was not dispatched is given back')
  },
)

gateTest(
  'of 2,000 admissions at once, exactly the 100 of the budget are given',
  { policy: policyText(spent(100)), deepCheck: false },
  async (t, world) => {
    const resolving = async (): Promise<ReturnType<typeof allGood>> => {
      await settled()
      return allGood()
    }
    const asked = Array.from({ length: 2_000 }, () => world.admit({}, {}, resolving))
    const answers = await Promise.all(asked)
    const passages = answers.flatMap((answer) => (answer.refused ? [] : [answer]))
    t.equal(passages.length, 100)
    const own = answers.flatMap(({ receipt }) => receipt?.seq ?? [])
    t.equal(new Set(own).size, own.length, 'an entry each')
    await world.clock.pass(1_000)
    const counted = Number(world.last('rejected')['count'])
    t.equal(own.length + counted, 2_000, 'or in the count of one')
    for (const passage of passages) {
      passage.open(() => undefined)
      passage.settle(settlement)
    }
    t.equal(world.used('life'), 100)
  },
)

gateTest(
  'a forbidden destination is refused and recorded with what it resolved to',
  { policy: policyText(spent(5)) },
  async (t, world) => {
    for (const code of ['destination-forbidden', 'destination-unresolved'] as const) {
      const answer = await world.admit({}, {}, () => ({
        ok: false,
        code,
        message: 'It is not to be reached.',
        addresses: ['10.0.0.1'],
      }))
      t.equal(answer.refused && answer.code, code)
      const decision = world.entries('decision').at(-1)
      t.strictSame(decision?.data['addresses'], ['10.0.0.1'])
      t.strictSame(decision?.data['refusals'], [{ code, id: '' }])
    }
    t.equal(world.used('life'), 0)
  },
)

gateTest(
  'a policy that comes while a name resolves judges the request anew; one that keeps changing refuses',
  { policy: policyText() },
  async (t, world) => {
    const stricter = await compiled(
      policyText('', { rules: '  - { id: new, hosts: [slow.example.com], effect: deny }\n' }),
    )
    let asked = 0
    const judged = await world.admit({ host: 'slow.example.com' }, {}, async () => {
      asked += 1
      await world.load(stricter)
      return allGood()
    })
    t.equal(judged.refused && judged.code, 'rule-denied')
    t.equal(asked, 1)
    t.equal(world.entries('decision').at(-1)?.data['policy'], stricter.digest)
    const unsteady = await world.admit({}, {}, async () => {
      asked += 1
      const rules = `  - { id: n${asked}, hosts: [n.example.com], effect: deny }\n`
      await world.load(await compiled(policyText('', { rules })))
      return allGood()
    })
    t.equal(unsteady.refused && unsteady.code, 'policy-unavailable')
    t.ok(asked < 8, 'a bounded number of times')
  },
)

gateTest(
  'observe mode decides and records the same, and lets it pass, but for a halt and a bad destination',
  { policy: policyText(spent(1), { mode: 'observe' }) },
  async (t, world) => {
    const denied = await world.pass({ host: 'no.example.com' })
    t.equal(denied.observed, true)
    t.equal(denied.verdict, 'deny')
    t.equal(world.entries('decision').at(-1)?.data['verdict'], 'deny')
    t.equal(
      denied.open(() => undefined),
      null,
    )
    denied.settle(settlement)
    const bad = await world.admit({ host: 'no.example.com' }, {}, () => ({
      ...{ ok: false, code: 'destination-forbidden', message: 'No.', addresses: ['10.0.0.1'] },
    }))
    t.equal(bad.refused, true)
    await world.halt('agent:a')
    const halted = await world.admit()
    t.equal(halted.refused && halted.code, 'halted')
  },
)

gateTest(
  'an observed passage that is open is cut by a halt of its scope',
  { policy: policyText('', { mode: 'observe' }) },
  async (t, world) => {
    const passage = await world.pass({ host: 'no.example.com' })
    const cuts: string[] = []
    t.equal(
      passage.open((refusal) => void cuts.push(refusal.code)),
      null,
    )
    await world.halt('agent:a')
    t.strictSame(cuts, ['halted'])
    passage.settle(settlement)
    t.equal(passage.open(() => t.fail('it was settled'))?.code, 'halted')
  },
)

gateTest(
  'a draft is heard and recorded, and does not bind',
  {
    policy: policyText('', {
      rules: '  - { id: canary, state: draft, hosts: [ok.example.com], effect: halt }\n',
    }),
  },
  async (t, world) => {
    const passage = await world.pass()
    const data = world.last('decision')
    t.strictSame(data['drafts'], ['canary'])
    t.equal(data['draft_verdict'], 'halt')
    t.equal(data['verdict'], 'allow')
    passage.settle(voided)
  },
)

gateTest(
  'a name that fails to resolve by an exception leaves no hold and no answer',
  { policy: policyText(spent(5)) },
  async (t, world) => {
    await t.rejects(
      world.admit({}, {}, () => Promise.reject(new TypeError('a bug of the resolver'))),
      TypeError,
    )
    t.equal(world.used('life'), 0)
    t.equal(world.gate.status().holdsOpen, 0)
  },
)

gateTest(
  'reach answers what a rule could allow and leaves no entry, and records what none could',
  { policy: policyText() },
  async (t, world) => {
    const facts = { kind: 'reach', method: 'CONNECT', path: '', scheme: 'https' } as const
    const could = await world.gate.reach(world.facts({ ...facts, port: 443 }))
    t.notOk('refused' in could)
    t.strictSame(world.entries('decision'), [])
    const never = await world.gate.reach(world.facts({ ...facts, host: 'no.example.com' }))
    t.ok('refused' in never && never.code === 'rule-denied')
    t.equal(world.entries('decision').length, 1)
  },
)
