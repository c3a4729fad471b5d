/** Capability tokens: signed by the gate, bound, and only ever narrowed. */
import { createLocalJWKSet, jwtVerify } from 'jose'
import { test } from 'tap'
import {
  type Capability,
  capabilityOf,
  issue,
  isWithin,
  jwksOf,
  narrowed,
  newSigningKey,
  readSigner,
} from '../../proof/capability.ts'
import { Verifier } from '../../proof/verify.ts'

const at = Date.UTC(2026, 10, 21, 12)
const signer = await readSigner(await newSigningKey())
const verifier = new Verifier(new Map(), signer.terms)

const capability: Capability = {
  action: 'ab'.repeat(32),
  scope: 'agent:trader',
  policy: `sha256:${'0'.repeat(64)}`,
  root: 'c-1',
  rootExpiresAt: at + 300_000,
  id: 'c-1',
  issuedAt: at,
  expiresAt: at + 300_000,
}

test('a token comes back as the capability that it was issued for', async (t) => {
  const token = await issue(signer, capability)
  const proved = await verifier.verify({ statements: null, capability: token }, at + 1_000)
  t.equal(proved.ok, true)
  const [proof] = proved.ok ? proved.proofs : []
  t.same(proof === undefined ? null : capabilityOf(proof), capability)
})

test('anyone verifies it by the published keys, which hold nothing private', async (t) => {
  const keys = jwksOf([signer])
  t.notMatch(JSON.stringify(keys), /"d"/)
  const token = await issue(signer, capability)
  const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [...keys.keys] }), {
    currentDate: new Date(at),
  })
  t.match(payload, {
    iss: 'haltgate',
    sub: 'agent:trader',
    kind: 'capability',
    act: capability.action,
  })
})

test('a forged, expired or foreign token is refused by its code', async (t) => {
  const other = await readSigner(await newSigningKey())
  const cases = [
    ['of another key', await issue(other, capability), 'capability-invalid'],
    [
      'expired',
      await issue(signer, { ...capability, issuedAt: at - 9_000, expiresAt: at - 1_000 }),
      'capability-expired',
    ],
    ['no token', 'hello', 'capability-invalid'],
    ['too long', 'a'.repeat(20_000), 'capability-invalid'],
  ] as const
  for (const [what, token, code] of cases) {
    t.match(
      await verifier.verify({ statements: null, capability: token }, at),
      { ok: false, code },
      what,
    )
  }
})

test('a token says too little without its digest', async (t) => {
  const token = await issue(signer, { ...capability, action: 'zz' })
  const proved = await verifier.verify({ statements: null, capability: token }, at)
  const [proof] = proved.ok ? proved.proofs : []
  t.not(proof, undefined)
  t.equal(proof === undefined ? null : capabilityOf(proof), null)
})

test('it is narrowed in scope and time, never widened', (t) => {
  const asked = { scope: 'run:trader/r1', expiresAt: at + 1_000, id: 'c-2', issuedAt: at }
  const { rootExpiresAt } = capability
  t.match(narrowed(capability, asked), {
    scope: 'run:trader/r1',
    root: 'c-1',
    id: 'c-2',
    rootExpiresAt,
  })
  t.equal(narrowed(capability, { ...asked, expiresAt: capability.expiresAt + 1 }), null, 'longer')
  t.equal(narrowed(capability, { ...asked, scope: 'run:trader2/r1' }), null, 'another agent')
  t.equal(
    narrowed({ ...capability, scope: 'run:trader/r1' }, { ...asked, scope: 'agent:trader' }),
    null,
  )
  t.ok(isWithin('agent:a', 'agent:a'))
  t.notOk(isWithin('run:a/r', 'run:a/q'))
  t.end()
})

test('a key that is none is told', async (t) => {
  for (const text of ['', '{}', 'null', '{"x":"AA","d":"AA"}', '[1]']) {
    await t.rejects(readSigner(text), text)
  }
})
