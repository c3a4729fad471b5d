/** The domain automotive: commands by class against the signed state of a vehicle, and updates that somebody signed. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DomainCall, Proof } from '../../../kernel/domain.ts'
import { automotiveDomain } from '../../../kernel/domains/automotive.ts'
import { judgeCall } from '../../../kernel/judge.ts'
import { seed, seedSentence } from '../seed.ts'
import {
  anyCall,
  askAll,
  callOf,
  fallbacks,
  noon,
  proofOf,
  refuses,
  said,
  tightensOnly,
} from './call.ts'

const vin = '1HGBH41JXMN109186'
const otherVin = '1HGBH41JXMN109187'

const parked = { parked: true, speed: 0, gear: 'P' }

const attested = (claims: Proof['claims'], members: Partial<Proof> = {}): Proof =>
  proofOf({ kind: 'attestation', subject: vin, issuedAt: noon - 5_000, claims, ...members })

const ask = (
  action: string,
  proofs: readonly Proof[],
  members: Partial<DomainCall> = {},
): readonly string[] =>
  said(automotiveDomain, callOf(automotiveDomain, { action, proofs, context: { vin }, ...members }))

const comfort = ['axn_set_climate', 'axn_signal', 'axn_lock_doors', 'axn_unlock_doors']
const driving = ['axn_start_motor', 'axn_move_vehicle', 'axn_immobilise']

test('reading needs no attestation, and a vehicle', async (t) => {
  t.same(ask('axn_read_telemetry', []), [])
  t.same(ask('axn_read_telemetry', [], { context: {} }), ['deny facts-missing'])
})

test('a vehicle is named by a whole VIN', async (t) => {
  for (const wrong of [
    '',
    vin.slice(1),
    `${vin}1`,
    vin.toLowerCase(),
    vin.replace('J', 'I'),
    5,
    true,
  ]) {
    t.same(
      ask('axn_read_telemetry', [], { context: { vin: wrong } }),
      ['deny facts-missing'],
      String(wrong),
    )
  }
})

test('every command to a vehicle that stands parked passes, with its fresh state', async (t) => {
  for (const action of [...comfort, ...driving]) t.same(ask(action, [attested(parked)]), [], action)
  t.same(ask('axn_unlock_doors', [attested({ parked: true, speed: 0 })]), [], 'no gear is stated')
})

test('nothing but comfort that is listed reaches a vehicle that moves', async (t) => {
  const moving = { parked: false, speed: 50, gear: 'D' }
  t.same(ask('axn_set_climate', [attested(moving)]), [])
  t.same(ask('axn_lock_doors', [attested(moving)]), [])
  for (const action of ['axn_signal', 'axn_unlock_doors', ...driving]) {
    t.same(ask(action, [attested(moving)]), ['deny vehicle-moving'], action)
  }
})

test('no list lets a driving command reach a vehicle that moves', async (t) => {
  const parameters = { allowed_while_moving: [...driving, 'axn_install_update'] }
  for (const action of driving) {
    t.same(ask(action, [attested({ parked: false, speed: 1 })], { parameters }), [
      'deny vehicle-moving',
    ])
  }
})

test('a state that does not say all of it, in its types, is no parked vehicle', async (t) => {
  const doubtful = [
    {},
    { parked: true },
    { speed: 0 },
    { parked: 'true', speed: 0 },
    { parked: true, speed: '0' },
    { parked: true, speed: 0.1 },
    { parked: true, speed: -1 },
    { parked: true, speed: 0, gear: 'D' },
    { parked: true, speed: 0, gear: 'N' },
    { parked: true, speed: 0, gear: 0 },
  ]
  for (const claims of doubtful) {
    t.same(
      ask('axn_move_vehicle', [attested(claims)]),
      ['deny vehicle-moving'],
      JSON.stringify(claims),
    )
  }
})

test('of two states, both must allow it', async (t) => {
  const proofs = [attested(parked), attested({ ...parked, speed: 3 }, { id: 'c-2' })]
  t.same(ask('axn_move_vehicle', proofs), ['deny vehicle-moving'])
})

test('a state is worth nothing once it is old, of another vehicle, or of another kind', async (t) => {
  const move = (members: Partial<Proof>) => ask('axn_move_vehicle', [attested(parked, members)])
  t.same(ask('axn_move_vehicle', []), ['deny attestation-required'])
  t.same(move({ issuedAt: noon - 60_000 }), [], 'just young enough')
  t.same(move({ issuedAt: noon - 60_001 }), ['deny proof-expired'])
  t.same(move({ issuedAt: noon + 1 }), ['deny proof-expired'], 'of the future')
  t.same(move({ expiresAt: noon }), ['deny proof-expired'])
  t.same(move({ subject: otherVin }), ['deny proof-invalid'])
  t.same(move({ kind: 'consent' }), ['deny attestation-required'])
  const old = { parameters: { attestation_age_max_s: 120 } }
  t.same(ask('axn_move_vehicle', [attested(parked, { issuedAt: noon - 90_000 })], old), [])
})

test('comfort needs a fresh state too, though a vehicle may move', async (t) => {
  t.same(ask('axn_set_climate', []), ['deny attestation-required'])
})

const digest = `sha256:${'ab'.repeat(32)}`

const signed = (members: Partial<Proof> = {}): Proof =>
  proofOf({ kind: 'update', subject: vin, claims: { digest }, ...members })

const update = (
  proofs: readonly Proof[],
  context: DomainCall['context'] = {},
  parameters: DomainCall['parameters'] = {},
) =>
  ask('axn_install_update', [attested(parked), ...proofs], {
    context: { vin, digest, ...context },
    parameters,
  })

test('an update is installed if somebody signed its digest for this vehicle', async (t) => {
  t.same(update([signed()]), [])
  t.same(update([]), ['deny update-unsigned'])
  t.same(update([signed({ claims: { digest: digest.replace('a', 'b') } })]), ['deny proof-invalid'])
  t.same(update([signed({ claims: {} })]), ['deny proof-invalid'])
  t.same(update([signed({ subject: otherVin })]), ['deny proof-invalid'])
  t.same(update([signed({ expiresAt: noon })]), ['deny proof-expired'])
  t.same(update([signed({ kind: 'attestation', claims: { digest, ...parked } })]), [
    'deny update-unsigned',
  ])
  t.same(update([], {}, { update_digests: [digest] }), [], 'or the policy lists it')
})

test('a digest is one, whole', async (t) => {
  for (const wrong of ['', digest.slice(1), digest.toUpperCase(), `${digest}0`, 7]) {
    const parameters = { update_digests: [String(wrong)] }
    t.same(update([signed()], { digest: wrong }, parameters), ['deny facts-missing'], String(wrong))
  }
})

test('an update never reaches a vehicle that moves', async (t) => {
  const context = { vin, digest }
  const moving = attested({ parked: false, speed: 1 })
  t.same(ask('axn_install_update', [moving, signed()], { context }), ['deny vehicle-moving'])
  t.same(ask('axn_install_update', [signed()], { context }), ['deny attestation-required'])
})

test('a command is for the vehicle that the rule names', async (t) => {
  const named = (resourceId: string) =>
    ask('axn_set_climate', [attested(parked)], { resource: 'res_vehicle', resourceId })
  t.same(named(vin), [])
  t.same(named(otherVin), ['deny resource-mismatch'])
})

test('driving waits for a person, and an agent of diagnosis only reads', async (t) => {
  const call = (action: string, actor: string) => {
    const asked = callOf(automotiveDomain, {
      ...{ action, actor, context: { vin, digest } },
      proofs: [attested(parked), signed()],
    })
    const terms = { plugin: automotiveDomain, origin: 'builtin', parameters: asked.parameters }
    return judgeCall(terms, asked, () => 0).violations.map(({ verdict, code }) => {
      return `${verdict} ${code}`
    })
  }
  for (const action of driving) t.same(call(action, 'act_agent'), ['approve human-approval'])
  t.same(call('axn_set_climate', 'act_fleet_agent'), [])
  t.same(call('axn_set_climate', 'act_diagnostic_agent'), ['deny actor-reads-only'])
  t.same(call('axn_read_location', 'act_diagnostic_agent'), [])
})

const anyAttestation = fc
  .record({
    parked: fc.constantFrom(true, false, 'true', 1, ''),
    speed: fc.constantFrom(0, -0, 0.5, 30, '0', true),
    gear: fc.constantFrom('P', 'N', 'D', 0),
    age: fc.integer({ min: -10_000, max: 120_000 }),
    subject: fc.constantFrom(vin, otherVin),
  })
  .map(({ age, subject, ...claims }) => attested(claims, { subject, issuedAt: noon - age }))

test('no driving command passes unless a fresh state of this vehicle says that it stands', async (t) => {
  t.comment(seedSentence)
  const stands = ({ subject, issuedAt, claims }: Proof) =>
    subject === vin &&
    issuedAt <= noon &&
    noon - issuedAt <= 60_000 &&
    claims['parked'] === true &&
    claims['speed'] === 0 &&
    claims['gear'] === 'P'
  const proofs = fc.array(anyAttestation, { maxLength: 3 })
  fc.assert(
    fc.property(fc.constantFrom(...driving), proofs, (action, shown) => {
      return ask(action, shown).length > 0 || shown.some(stands)
    }),
    { seed, numRuns: 500 },
  )
})

test('it answers whatever it is asked', async (t) => {
  t.comment(seedSentence)
  fc.assert(
    fc.property(anyCall(automotiveDomain, ['vin', 'digest']), (call) => {
      askAll(automotiveDomain, call)
      const isNamed = automotiveDomain.config.actions.some(({ name }) => name === call.action)
      return !isNamed || refuses(automotiveDomain, call)
    }),
    { seed, numRuns: 300 },
  )
})

test('a fact of a wrong type never makes an allow of a denial', async (t) => {
  t.comment(seedSentence)
  const property = tightensOnly(
    automotiveDomain,
    { vin: '', digest: '' },
    fallbacks(automotiveDomain),
  )
  fc.assert(property, { seed, numRuns: 300 })
})
