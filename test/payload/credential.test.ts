/** A credential goes where the policy says and nowhere else, and never breaks out of its place. */
import { test } from 'tap'
import type { CredentialPlacement } from '../../kernel/credential.ts'
import { type Credential, inject, type Outgoing } from '../../payload/credential.ts'

function credential(placement: CredentialPlacement, secret: string): Credential {
  const source = { kind: 'env', variable: 'X' } as const
  return { terms: { name: 'c', source, placement, placeholder: 'PLACEHOLDER' }, secret }
}

const bearer = { kind: 'header', name: 'Authorization', format: 'Bearer {secret}' } as const
const query = { kind: 'query', key: 'api key' } as const
const basic = { kind: 'basic', user: 'me' } as const

function injected(outgoing: Outgoing, ...credentials: readonly Credential[]): Outgoing | null {
  const result = inject(outgoing, credentials)
  return result.ok ? result.outgoing : null
}

test('a header is set once, and replaces what the agent sent under its name', async (t) => {
  const headers = ['authorization', 'Bearer PLACEHOLDER', 'Accept', 'x', 'AUTHORIZATION', 'other']
  t.same(injected({ headers, query: 'a=1' }, credential(bearer, 's3cr$&t')), {
    headers: ['Accept', 'x', 'Authorization', 'Bearer s3cr$&t'],
    query: 'a=1',
  })
  t.same(injected({ headers: [], query: '' }, credential(basic, 'pä:ss')), {
    headers: ['Authorization', `Basic ${Buffer.from('me:pä:ss').toString('base64')}`],
    query: '',
  })
})

test('a parameter of the query is set once, in whatever spelling the agent sent it', async (t) => {
  const rows: readonly (readonly [before: string, after: string])[] = [
    ['', 'api%20key=s%26t'],
    ['a=1&b=%zz', 'a=1&b=%zz&api%20key=s%26t'],
    ['api+key=PLACEHOLDER&a=1', 'a=1&api%20key=s%26t'],
    ['a&%61pi%20key=1&api%20key', 'a&api%20key=s%26t'],
  ]
  for (const [before, after] of rows) {
    t.equal(
      injected({ headers: [], query: before }, credential(query, 's&t'))?.query,
      after,
      before,
    )
  }
})

test('several credentials are set, each in its place', async (t) => {
  const outgoing = injected(
    { headers: [], query: '' },
    credential(bearer, 'one'),
    credential(query, 'two'),
  )
  t.same(outgoing, { headers: ['Authorization', 'Bearer one'], query: 'api%20key=two' })
})

test('a value that would break out of its place is refused, and not shown', async (t) => {
  const bad: readonly (readonly [placement: CredentialPlacement, secret: string])[] = [
    [bearer, 'a\r\nX: y'],
    [bearer, 'a\nb'],
    [bearer, 'a\u0000b'],
    [bearer, 'a\u007f'],
    [bearer, ''],
    [bearer, 'ä'],
    [{ ...bearer, format: '{secret}' }, ' '],
    [{ ...bearer, name: 'X: y' }, 'good'],
    [{ ...bearer, name: '' }, 'good'],
    [query, 'a\nb'],
    [query, '\ud800'],
    [basic, 'a\rb'],
    [{ kind: 'basic', user: 'a:b' }, 'good'],
    [{ kind: 'basic', user: 'a\n' }, 'good'],
  ]
  for (const [placement, secret] of bad) {
    const result = inject({ headers: [], query: '' }, [credential(placement, secret)])
    t.match(result, { ok: false, reason: { code: 'policy-unavailable', id: 'c' } })
    if (secret.length > 2) t.notOk(JSON.stringify(result).includes(secret))
  }
})
