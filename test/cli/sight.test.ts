/** What the proxy is given to see with, as a policy says: credentials are of one policy and of no other. */
import { test } from 'tap'
import { Notary } from '../../cli/notary.ts'
import { settingsOf } from '../../cli/settings.ts'
import { PolicySight, type Vision } from '../../cli/sight.ts'
import { inject } from '../../payload/credential.ts'
import { defaultLimits } from '../../proxy/limits.ts'
import { blind, remembering } from '../../proxy/sight.ts'

const sightOf = (): PolicySight =>
  new PolicySight({
    ...{ settings: settingsOf({}, {}), limits: defaultLimits, token: 'control-token' },
    notary: new Notary('/dev/null', Date.now),
    around: () => ({ interfaces: [], own: [] }),
    warn: () => undefined,
  })

function visionOf(digest: string, secret: string): Vision {
  const placement = { kind: 'header', name: 'Authorization', format: '{secret}' } as const
  const source = { kind: 'env', variable: 'KEY' } as const
  const terms = { name: 'up', source, placement, placeholder: '' }
  const policy = { digest } as Vision['policy']
  return { credentials: new Map([['up', { terms, secret }]]), inject, inspector: null, policy }
}

void test('a request that one policy let pass is not given the credential of another', async (t) => {
  const sight = sightOf()
  const outgoing = { headers: [], query: '' }
  sight.use(visionOf('sha256:a', 'first'))
  t.match(sight.inject(['up'], outgoing, 'sha256:a'), {
    ok: true,
    outgoing: { headers: ['Authorization', 'first'] },
  })
  sight.use(visionOf('sha256:b', 'second'))
  t.match(sight.inject(['up'], outgoing, 'sha256:a'), {
    ok: false,
    reason: { code: 'policy-unavailable' },
  })
  t.match(sight.inject(['up'], outgoing, 'sha256:b'), {
    ok: true,
    outgoing: { headers: ['Authorization', 'second'] },
  })
})

void test('a key that is read with a later policy is the one that hashes are made with', async (t) => {
  let hashKey = new Uint8Array(32)
  const later = {
    ...blind,
    get hashKey(): Uint8Array {
      return hashKey
    },
  }
  const sight = remembering(later, () => undefined)
  hashKey = new Uint8Array(32).fill(7)
  t.equal(sight.hashKey[0], 7)
})
