/** A token that was narrowed says how long the first of its line holds: that long its use is remembered. */
import { test } from 'tap'
import { capabilityOf, issue, narrowed, newSigningKey, readSigner } from '../../proof/capability.ts'
import { Verifier } from '../../proof/verify.ts'

const at = Date.UTC(2026, 10, 21, 12)

test('a line of tokens ends when its first one does, however often it is narrowed', async (t) => {
  const signer = await readSigner(await newSigningKey())
  const verifier = new Verifier(new Map(), signer.terms)
  const first = {
    ...{ action: 'ab'.repeat(32), scope: 'agent:trader', policy: `sha256:${'0'.repeat(64)}` },
    ...{ root: 'c-1', id: 'c-1', issuedAt: at, expiresAt: at + 300_000 },
  }
  let token = await issue(signer, first)
  for (const seconds of [60, 5, 1]) {
    const proved = await verifier.verify({ statements: null, capability: token }, at)
    const [proof] = proved.ok ? proved.proofs : []
    const parent = proof === undefined ? null : capabilityOf(proof)
    if (parent === null) throw new Error('it is a token of this gate')
    t.equal(parent.rootExpiresAt, at + 300_000)
    t.equal(proof?.claims['last'], (at + 300_000) / 1000)
    const expiresAt = at + seconds * 1000
    const child = narrowed(parent, {
      scope: parent.scope,
      expiresAt,
      id: `c-${seconds}`,
      issuedAt: at,
    })
    if (child === null) throw new Error('it is for less')
    t.equal(child.expiresAt, expiresAt)
    token = await issue(signer, child)
  }
})

test('one that does not say when its line ends is not narrowed', (t) => {
  const claims = { act: 'ab'.repeat(32), pol: 'sha256:0', root: 'c-1' }
  const proof = {
    ...{ kind: 'capability', issuer: 'haltgate', id: 'c-1', subject: 'agent:trader', claims },
    ...{ issuedAt: at, expiresAt: at + 1_000 },
  }
  t.equal(capabilityOf(proof), null)
  t.not(capabilityOf({ ...proof, claims: { ...claims, last: at / 1000 } }), null)
  t.end()
})
