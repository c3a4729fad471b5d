/** The domain energy: what is read-only, bounds, ramps against signed measurements, and breakers with two people. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DomainCall, Proof } from '../../../kernel/domain.ts'
import { energyDomain } from '../../../kernel/domains/energy.ts'
import { judgeCall } from '../../../kernel/judge.ts'
import { seed, seedSentence } from '../seed.ts'
import { anyCall, askAll, callOf, fallbacks, noon, proofOf, said, tightensOnly } from './call.ts'
import { Memory } from './memory.ts'

const parameters = {
  writable_assets: ['valve-3', 'battery-1', 'breaker-7', 'unbounded'],
  locked_out_assets: ['breaker-8'],
  setpoint_min: { 'valve-3': 0, 'battery-1': '-2.5', odd: 'low' },
  setpoint_max: { 'valve-3': 100, 'battery-1': 2.5, odd: 'high' },
  ramp_max: { 'valve-3': 10, 'battery-1': 0.5 },
  ramp_window_s: 300,
  telemetry_age_max_s: 30,
}

const measured = (value: Proof['claims'][string], members: Partial<Proof> = {}): Proof =>
  proofOf({
    ...{ kind: 'telemetry', issuer: 'historian', subject: 'valve-3' },
    issuedAt: noon - 10_000,
    claims: { value },
    ...members,
  })

const callWith = (members: Partial<DomainCall>): DomainCall =>
  callOf(energyDomain, {
    action: 'axn_write_setpoint',
    proofs: [measured(50)],
    ...members,
    context: { asset: 'valve-3', setpoint: 55, ...members.context },
    parameters: { ...parameters, ...members.parameters },
  })

const ask = (
  context: DomainCall['context'] = {},
  members: Partial<DomainCall> = {},
): readonly string[] => said(energyDomain, callWith({ ...members, context }))

test('a set-point within bounds and ramp has nothing against it', async (t) => {
  t.same(ask(), [])
  t.same(ask({ setpoint: '55.5' }), [], 'a decimal as text')
})

test('an asset is read-only unless the policy lists it', async (t) => {
  t.same(ask({}, { parameters: { writable_assets: [] } }), ['deny read-only'])
  t.same(ask({}, { action: 'axn_read_telemetry', parameters: { writable_assets: [] } }), [])
  const breaker = { asset: 'breaker-9', position: 'open' }
  t.has(ask(breaker, { action: 'axn_operate_breaker' }), ['deny read-only'])
  t.has(ask({ asset: 'breaker-9' }, { action: 'axn_shed_load' }), ['deny read-only'])
})

test('nothing reaches an asset that is locked out', async (t) => {
  const locked = { locked_out_assets: ['valve-3'] }
  t.same(ask({}, { parameters: locked }), ['deny locked-out'])
  t.same(ask({}, { parameters: locked, action: 'axn_read_setpoint' }), [])
})

test('a set-point lies within the bounds of its asset', async (t) => {
  const with_ = (setpoint: number | string, value: number) =>
    ask({ setpoint }, { proofs: [measured(value)] })
  t.same(with_(0, 5), [])
  t.same(with_(100, 95), [])
  t.same(with_('100.0001', 95), ['deny setpoint-bounds'])
  t.same(with_('-0.0001', 5), ['deny setpoint-bounds'])
  const battery = (setpoint: number | string) =>
    ask({ asset: 'battery-1', setpoint }, { proofs: [measured(-2.25, { subject: 'battery-1' })] })
  t.same(battery('-2.5'), [])
  t.same(battery('-2.51'), ['deny setpoint-bounds'])
})

test('an asset without bounds or ramp is not written to', async (t) => {
  const proofs = [measured(1, { subject: 'unbounded' })]
  t.same(ask({ asset: 'unbounded', setpoint: 1 }, { proofs }), [
    'deny bounds-unknown',
    'deny ramp-unknown',
  ])
})

test('what is no number, or no asset, is refused', async (t) => {
  for (const setpoint of [
    '',
    'NaN',
    '1e2',
    true,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '5,5',
    '+5',
  ]) {
    t.same(ask({ setpoint }), ['deny facts-missing'], String(setpoint))
  }
  for (const asset of ['', 'a b', '../valve-3', '.', 7, `v${'x'.repeat(64)}`]) {
    t.same(ask({ asset }), ['deny facts-missing'], String(asset))
  }
  t.has(ask({ asset: '__proto__' }), ['deny facts-missing'])
  t.has(ask({ asset: 'constructor' }), ['deny read-only', 'deny bounds-unknown'])
})

test('a set-point is at most one ramp from what is measured', async (t) => {
  t.same(ask({ setpoint: 60 }), [])
  t.same(ask({ setpoint: 40 }), [])
  t.same(ask({ setpoint: '60.000001' }), ['deny ramp'])
  t.same(ask({ setpoint: '39.999999' }), ['deny ramp'])
  const two = [measured(50), measured(45, { id: 'm-2' })]
  t.same(ask({ setpoint: 57 }, { proofs: two }), ['deny ramp'], 'from the farthest of two')
})

test('what an agent says of the present value counts for nothing', async (t) => {
  t.same(ask({ setpoint: 90, current: 89, value: 89 }), ['deny ramp'])
})

test('a measurement is young, signed, of this asset, and says a value', async (t) => {
  const by = (proofs: readonly Proof[]) => ask({}, { proofs })
  t.same(by([]), ['deny telemetry-required'])
  t.same(by([measured(50, { issuedAt: noon - 30_000 })]), [])
  t.same(by([measured(50, { issuedAt: noon - 30_001 })]), ['deny proof-expired'])
  t.same(by([measured(50, { issuedAt: noon + 1 })]), ['deny proof-expired'])
  t.same(by([measured(50, { subject: 'valve-4' })]), ['deny proof-invalid'])
  t.same(by([measured(true)]), ['deny proof-invalid'])
  t.same(by([measured(50, { claims: {} })]), ['deny proof-invalid'])
  t.same(by([measured('50.0')]), [])
})

test('many small steps are no way around the ramp', async (t) => {
  const memory = new Memory()
  const send = (at: number, from: number, setpoint: number): boolean => {
    const proofs = [measured(from, { issuedAt: at, expiresAt: at + 60_000 })]
    const call = callWith({ at, proofs, context: { setpoint } })
    const { marks } = energyDomain.afterDecision(call)
    t.ok(marks.length > 0)
    return memory.admit(marks)
  }
  t.ok(send(noon, 50, 56))
  t.notOk(send(noon + 1_000, 56, 60.5))
  t.ok(send(noon + 2_000, 56, 52), 'back counts too')
  t.notOk(send(noon + 299_999, 52, 52.1))
  t.ok(send(noon + 500_000, 52, 62), 'after the stretch')
})

test('a breaker moves with the yes of two people, and says where to', async (t) => {
  const parametersOf = { switching_approvers: ['control-room'] }
  const operate = (context: DomainCall['context']) =>
    callWith({
      action: 'axn_operate_breaker',
      context: { asset: 'breaker-7', ...context },
      parameters: parametersOf,
    })
  const { violations } = energyDomain.validate(operate({ position: 'open' }))
  t.match(violations, [
    { code: 'dual-approval', verdict: 'approve', need: 2, of: ['control-room'] },
  ])
  t.equal(violations.length, 1)
  t.has(said(energyDomain, operate({ position: 'shut' })), ['deny facts-missing'])
  t.has(said(energyDomain, operate({ position: true })), ['deny facts-missing'])
  const call = operate({ position: 'closed' })
  const terms = { plugin: energyDomain, origin: 'builtin', parameters: call.parameters }
  const judged = judgeCall(terms, call, () => 0)
  t.same(
    judged.violations.map(({ verdict, need }) => [verdict, need]),
    [
      ['approve', 1],
      ['approve', 2],
    ],
  )
  t.ok(judged.controls.includes('nist-800-53/AC-3(2)'))
})

test('a command is for the asset that the rule names', async (t) => {
  const named = (resource: string, resourceId: string) => ask({}, { resource, resourceId })
  t.same(named('res_asset', 'valve-3'), [])
  t.same(named('res_asset', 'valve-4'), ['deny resource-mismatch'])
  t.same(named('res_breaker', ''), ['deny resource-mismatch'])
})

test('an agent that monitors only reads', async (t) => {
  t.same(ask({}, { actor: 'act_monitoring_agent' }), ['deny actor-reads-only'])
  t.same(ask({}, { actor: 'act_monitoring_agent', action: 'axn_read_telemetry' }), [])
})

test('a set-point that passes lies in bounds and ramp, whatever is sent', async (t) => {
  t.comment(seedSentence)
  const value = fc.oneof(
    fc.double({ min: -20, max: 120 }),
    fc.integer({ min: -20, max: 120 }),
    fc.constantFrom('50', '1e1', 'x', true, ''),
  )
  fc.assert(
    fc.property(value, value, (setpoint, now) => {
      if (ask({ setpoint }, { proofs: [measured(now)] }).length > 0) return true
      const [wanted, is] = [Number(setpoint), Number(now)]
      return wanted >= 0 && wanted <= 100 && Math.abs(wanted - is) <= 10 + 1e-9
    }),
    { seed, numRuns: 500 },
  )
})

test('it answers whatever it is asked', async (t) => {
  t.comment(seedSentence)
  fc.assert(
    fc.property(anyCall(energyDomain, ['asset', 'setpoint', 'position']), (call) => {
      askAll(energyDomain, { ...call, parameters: { ...call.parameters, ...parameters } })
      askAll(energyDomain, call)
      return true
    }),
    { seed, numRuns: 300 },
  )
})

test('a fact of a wrong type never makes an allow of a denial', async (t) => {
  t.comment(seedSentence)
  const set = { ...fallbacks(energyDomain), ...parameters }
  fc.assert(tightensOnly(energyDomain, { asset: '', position: '' }, set), { seed, numRuns: 300 })
})
