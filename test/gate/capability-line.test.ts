/** Of all tokens that were narrowed from one, one is used, however short some of them are, and however late. */
import { type Test, test } from 'tap'
import type { Proof } from '../../kernel/domain.ts'
import { ApprovalWorld, codeOf } from './approval-world.ts'
import { settled } from './clock.ts'
import { compiled, policyText } from './world.ts'

const at = { host: 'ok.example.com', headers: { 'haltgate-capability': 'a.b.c' } } as const

/** A world in which a rule requires a token, and this one is shown and verified. */
async function requiring(t: Test, budget: string, shown: () => Proof): Promise<ApprovalWorld> {
  const world = new ApprovalWorld()
  world.prove = async () => ({ ok: true, proofs: [shown()] })
  t.teardown(() => world.place.remove())
  const policy = await compiled(policyText(budget))
  const classify: typeof policy.classify = (facts) => {
    const capability = facts.path === '/orders' ? 'require' : ''
    return { ...policy.classify(facts), capability }
  }
  await world.open({ ...policy, classify })
  t.teardown(() => world.close())
  return world
}

async function digestIn(world: ApprovalWorld): Promise<string> {
  const facts = world.facts({ ...at, method: 'POST', path: '/orders' })
  const [rehearsed] = await world.gate.rehearse([{ facts, refusals: [], body: world.body }])
  return rehearsed?.act ?? ''
}

test('a narrowed token that has ended does not free the others of its line', async (t) => {
  let proof: Proof | null = null
  const world = await requiring(t, '', () => proof as Proof)
  const now = world.clock.now()
  const last = Math.floor(now / 1000) + 300
  const claims = { act: await digestIn(world), pol: world.gate.policy.digest, root: 'r', last }
  const token = (id: string, lives: number): Proof => ({
    ...{ kind: 'capability', issuer: 'haltgate', id, subject: 'run:a/r1', claims },
    ...{ issuedAt: now, expiresAt: now + lives },
  })
  proof = token('short', 1_000)
  t.equal(await world.passes(at), true)
  await world.clock.pass(2_000)
  t.equal(codeOf(await world.ask(at)), 'capability-expired')
  for (const id of ['first', 'other']) {
    proof = token(id, 250_000)
    t.equal(codeOf(await world.ask(at)), 'capability-used', id)
  }
})

const window = `  - id: rate
    scope: agent
    window: 10s
    limits: { requests: 1 }
    on_limit: queue
    queue: { length: 9, wait: 60s }`

test('a token that ended while its requests waited in a line lets none of them pass', async (t) => {
  let proof: Proof | null = null
  const world = await requiring(t, window, () => proof as Proof)
  const now = world.clock.now()
  const claims = { act: await digestIn(world), pol: world.gate.policy.digest, root: 'r' }
  proof = {
    ...{ kind: 'capability', issuer: 'haltgate', id: 'one', subject: 'run:a/r1', claims },
    ...{ issuedAt: now, expiresAt: now + 5_000 },
  }
  t.equal(await world.passes({ ...at, path: '/other' }), true, 'one that fills the window')
  const codes: string[] = []
  for (let count = 0; count < 3; count += 1) {
    void world.ask(at).then((answer) => {
      codes.push(answer.refused ? answer.code : 'passes')
      if (answer.refused) return
      answer.open(() => undefined)
      answer.settle({ outcome: 'settled', actual: {}, status: 200, cut: '' })
    })
    await settled()
    await world.quiet()
  }
  for (let count = 0; count < 6; count += 1) {
    await world.clock.pass(10_000)
    await world.quiet()
  }
  t.strictSame(codes, ['capability-used', 'capability-used', 'capability-used'])
})
