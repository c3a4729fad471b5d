/** Statements of issuers: what is signed well counts, and everything else refuses. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { test } from 'tap'
import type { IssuerTerms } from '../../kernel/policy.ts'
import { newSigningKey, readSigner } from '../../proof/capability.ts'
import { statementCharactersMax, statementsMax, Verifier } from '../../proof/verify.ts'

const at = Date.UTC(2026, 10, 21, 12)
const seconds = Math.floor(at / 1000)

interface Pen {
  readonly terms: IssuerTerms
  sign(
    claims: Record<string, unknown>,
    more?: { exp?: number; iss?: string; alg?: string },
  ): Promise<string>
}

async function pen(name: string, kinds: readonly string[]): Promise<Pen> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', {
    crv: 'Ed25519',
    extractable: true,
  })
  const { x = '' } = await exportJWK(publicKey)
  return {
    terms: { name, kinds, key: x },
    sign: ({ sub = 'p-1', jti = 'j-1', ...claims }, { exp = seconds + 60, iss = name } = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'EdDSA' })
        .setIssuer(iss)
        .setSubject(String(sub))
        .setJti(String(jti))
        .setIssuedAt(seconds - 10)
        .setExpirationTime(exp)
        .sign(privateKey),
  }
}

const clinic = await pen('clinic', ['consent'])
const stranger = await pen('clinic', ['consent'])
const own = (await readSigner(await newSigningKey())).terms
const verifier = new Verifier(new Map([['clinic', clinic.terms]]), own)
const statement = (statements: string): ReturnType<Verifier['verify']> =>
  verifier.verify({ statements, capability: null }, at)

test('a statement that its issuer signed becomes a proof with its claims', async (t) => {
  const text = await clinic.sign({
    kind: 'consent',
    purpose: 'treatment',
    level: 2,
    nested: { a: 1 },
  })
  const proved = await statement(text)
  t.equal(proved.ok, true)
  if (!proved.ok) return
  t.match(proved.proofs, [
    {
      kind: 'consent',
      issuer: 'clinic',
      id: 'j-1',
      subject: 'p-1',
      expiresAt: (seconds + 60) * 1000,
    },
  ])
  t.same({ ...proved.proofs[0]?.claims }, { purpose: 'treatment', level: 2 }, 'facts only')
})

test('what does not prove is refused, by its code', async (t) => {
  const good = await clinic.sign({ kind: 'consent' })
  const [head = '', body = '', signature = ''] = good.split('.')
  const cases: readonly (readonly [string, string, string])[] = [
    ['of another key', await stranger.sign({ kind: 'consent' }), 'proof-invalid'],
    ['expired', await clinic.sign({ kind: 'consent' }, { exp: seconds - 1 }), 'proof-expired'],
    [
      'of no issuer of the policy',
      await clinic.sign({ kind: 'consent' }, { iss: 'nobody' }),
      'proof-invalid',
    ],
    [
      'of a kind that its issuer may not state',
      await clinic.sign({ kind: 'attestation' }),
      'proof-invalid',
    ],
    ['a capability of an issuer', await clinic.sign({ kind: 'capability' }), 'proof-invalid'],
    ['without a kind', await clinic.sign({}), 'proof-invalid'],
    ['with an empty id', await clinic.sign({ kind: 'consent', jti: '' }), 'proof-invalid'],
    ['with a changed body', `${head}.${body.slice(0, -2)}AA.${signature}`, 'proof-invalid'],
    ['without its signature', `${head}.${body}.`, 'proof-invalid'],
    ['unsigned', `${btoa('{"alg":"none"}').replaceAll('=', '')}.${body}.`, 'proof-invalid'],
    ['no statement at all', 'hello', 'proof-invalid'],
    ['empty', '', 'proof-invalid'],
    ['one good and one bad', `${good}, hello`, 'proof-invalid'],
    ['too many', Array.from({ length: statementsMax + 1 }, () => good).join(','), 'proof-invalid'],
    ['too long', 'a'.repeat(statementCharactersMax + 1), 'proof-invalid'],
    [
      'with a claim too long',
      await clinic.sign({ kind: 'consent', note: 'x'.repeat(2_000) }),
      'proof-invalid',
    ],
  ]
  for (const [what, text, code] of cases) t.match(await statement(text), { ok: false, code }, what)
})

test('a key that is none proves nothing, and does not throw', async (t) => {
  const broken = new Map([['clinic', { ...clinic.terms, key: 'AAAA' }]])
  const text = await clinic.sign({ kind: 'consent' })
  const given = await new Verifier(broken, own).verify({ statements: text, capability: null }, at)
  t.match(given, { ok: false, code: 'proof-invalid' })
})

test('no header proves nothing, and refuses nothing', async (t) => {
  t.same(await verifier.verify({ statements: null, capability: null }, at), {
    ok: true,
    proofs: [],
  })
})
