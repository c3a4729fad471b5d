/** Capability tokens, from the decision that gives one to the request that uses it up. */
import { readFileSync, writeFileSync } from 'node:fs'
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  generateKeyPair,
  jwtVerify,
  SignJWT,
} from 'jose'
import { layoutOf } from '../../cli/settings.ts'
import { type Desk, deskTest, type Json, refusalOf, tokenOf } from './decisions-world.ts'
import { type Answer, ask } from './wire.ts'

const path = '/api/v1/general/decisions/request'
const body = '{"title":"Friday"}'

/** What is asked about, and then sent to the letter. */
function asked(desk: Desk, more: object = {}, target: object = {}): object {
  return {
    ...{ actor: 'worker', action: 'axn_write', resource: 'res_file', context: {} },
    target: { method: 'POST', url: `${desk.origin.url}/guarded?a=1`, body, ...target },
    ...more,
  }
}

interface Sending {
  readonly run?: string
  readonly agent?: string
  readonly token?: string | undefined
  readonly query?: string
  readonly body?: string
  readonly method?: string
}

function send(desk: Desk, sending: Sending): Promise<Answer> {
  const { agent = 'worker', method = 'POST', query = '?a=1', run, token } = sending
  const user = run === undefined ? agent : `${agent}+${run}`
  const basic = Buffer.from(`${user}:${tokenOf(agent)}`).toString('base64')
  const headers = {
    'Proxy-Authorization': `Basic ${basic}`,
    ...(token === undefined ? {} : { 'Haltgate-Capability': token }),
  }
  const url = `${desk.origin.url}/guarded${query}`
  return ask(desk.world.port, url, { method, headers, body: sending.body ?? body })
}

const tokenIn = ({ json }: { readonly json: Json }): string => String(json['capability_token'])

async function refusedFor(sent: Promise<Answer>): Promise<unknown> {
  const { headers, status } = await sent
  return status === 403 ? headers.get('haltgate-reason') : `status ${status}`
}

deskTest('a token lets the very request pass that was asked about, once', async (t, desk) => {
  t.equal(await refusedFor(send(desk, {})), 'capability-required', 'without one nothing passes')
  const permitted = await desk.ask(path, asked(desk))
  t.match(permitted.json, { decision: 'permit', capability_expires: /Z$/ }, permitted.text)
  const token = tokenIn(permitted)
  const others: readonly (readonly [string, Sending])[] = [
    ['another query', { query: '?a=2' }],
    ['another body', { body: '{"title":"Monday"}' }],
    ['no body', { body: '' }],
    ['another agent', { agent: 'clerk' }],
  ]
  for (const [what, sending] of others) {
    t.equal(await refusedFor(send(desk, { ...sending, token })), 'capability-invalid', what)
  }
  t.equal(desk.origin.total, 0, 'nothing has passed')
  t.equal((await send(desk, { token })).status, 200, 'the very one passes')
  t.equal(await refusedFor(send(desk, { token })), 'capability-used', 'once')
  t.equal(desk.origin.total, 1)
  const again = tokenIn(await desk.ask(path, asked(desk)))
  t.equal((await send(desk, { token: again })).status, 200, 'a new decision is a new token')
  await desk.world.reopen()
  t.equal(await refusedFor(send(desk, { token })), 'capability-used', 'after a restart too')
})

deskTest(
  'what a token says can be verified by anyone who reads the published keys',
  async (t, desk) => {
    const permitted = await desk.ask(path, asked(desk, { token_seconds: 60 }))
    const token = tokenIn(permitted)
    const published = await desk.as(null, '/.well-known/jwks.json', { method: 'GET' })
    t.match(published, { status: 200, headers: { 'content-type': 'application/jwk-set+json' } })
    const { keys } = published.json as { keys: readonly Json[] }
    for (const key of keys) t.notOk('d' in key, 'no private part is published')
    const known = createLocalJWKSet({ keys: keys.map((key) => ({ ...key, kty: 'OKP' })) })
    const { payload, protectedHeader } = await jwtVerify(token, known, {
      issuer: 'haltgate',
      algorithms: ['EdDSA'],
    })
    t.match(protectedHeader, { alg: 'EdDSA', kid: keys[0]?.['kid'] })
    t.match(payload, {
      ...{ sub: 'agent:worker', act: permitted.json['action_digest'], pol: desk.digest() },
      ...{ kind: 'capability', jti: /\S{8}/ },
    })
    t.equal(Number(payload.exp) - Number(payload.iat), 60)
    t.equal(
      permitted.json['capability_expires'],
      new Date(Number(payload.exp) * 1000).toISOString(),
    )
    const usual = decodeJwt(tokenIn(await desk.ask(path, asked(desk))))
    t.equal(Number(usual.exp) - Number(usual.iat), 300, '5 minutes where nobody says')
    t.equal((await desk.ask(path, asked(desk, { token_seconds: 3_601 }))).status, 400)
  },
)

deskTest('a token that is forged, expired or of another policy is none', async (t, desk) => {
  const token = tokenIn(await desk.ask(path, asked(desk)))
  const claims = decodeJwt(token)
  const header = decodeProtectedHeader(token)
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  const forged = await new SignJWT(claims)
    .setProtectedHeader({ ...header, alg: 'EdDSA' })
    .sign(privateKey)
  const [head = '', , signature = ''] = token.split('.')
  const wide = Buffer.from(JSON.stringify({ ...claims, sub: 'agent:clerk' })).toString('base64url')
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`
  const bad: readonly (readonly [string, string])[] = [
    ['signed by another key', forged],
    ['widened by its holder', `${head}.${wide}.${signature}`],
    ['not signed', none],
    ['cut', token.slice(0, -4)],
    ['no token', 'x'],
    ['empty', '.'],
    ['two', `${token}, ${token}`],
    ['too long', 'x'.repeat(5_000)],
  ]
  for (const [what, each] of bad) {
    t.equal(await refusedFor(send(desk, { token: each })), 'capability-invalid', what)
    const narrowed = await desk.ask('/api/v1/capabilities/narrow', {
      token: each.padEnd(16, '.'),
      scope: 'run:worker/default',
    })
    t.same(refusalOf(narrowed), { status: 403, code: 'capability-invalid', hasEntry: true }, what)
  }
  const short = tokenIn(await desk.ask(path, asked(desk, { token_seconds: 1 })))
  const ends = Number(decodeJwt(short).exp) * 1000
  while (Date.now() <= ends) await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(await refusedFor(send(desk, { token: short })), 'capability-expired')
  const late = await desk.ask('/api/v1/capabilities/narrow', {
    token: short,
    scope: 'run:worker/default',
  })
  t.same(refusalOf(late), { status: 403, code: 'capability-expired', hasEntry: true })
  const rule = '  - { id: more, hosts: [more.example.com], effect: deny }'
  const policy = desk.policyText.replace(
    'budgets:',
    `${rule}
budgets:`,
  )
  desk.world.writePolicy(policy)
  t.equal((await desk.ask('/api/v1/policy/reload', {})).status, 200)
  t.equal(
    await refusedFor(send(desk, { token })),
    'capability-invalid',
    'its policy is no longer in force',
  )
  t.equal(desk.origin.total, 0)
})

deskTest(
  'a token is made narrower and never wider, and of a line of them one is used',
  async (t, desk) => {
    const token = tokenIn(await desk.ask(path, asked(desk)))
    const narrow = (scope: string, seconds?: number): ReturnType<Desk['ask']> =>
      desk.ask('/api/v1/capabilities/narrow', {
        token,
        scope,
        ...(seconds === undefined ? {} : { seconds }),
      })
    for (const scope of ['agent:work', 'agent:trader', 'run:trader/default', 'run:workers/x']) {
      const refused = await narrow(scope)
      t.same(refusalOf(refused), { status: 403, code: 'capability-invalid', hasEntry: true }, scope)
    }
    const narrower = await narrow('run:worker/default', 10)
    t.equal(narrower.status, 200, narrower.text)
    const child = tokenIn(narrower)
    t.ok(Number(decodeJwt(child).exp) <= Number(decodeJwt(token).exp))
    const longer = decodeJwt(tokenIn(await narrow('run:worker/default', 3_600)))
    t.equal(longer.exp, decodeJwt(token).exp, 'no longer than the one that it is of')
    t.equal((await send(desk, { token: child })).status, 200)
    t.equal(
      await refusedFor(send(desk, { token })),
      'capability-used',
      'the first is used up with it',
    )
    t.equal(await refusedFor(send(desk, { token: child })), 'capability-used')
    t.equal(desk.origin.total, 1)
  },
)

deskTest('a token of an agent is narrowed to a run, which alone can use it', async (t, desk) => {
  const token = tokenIn(await desk.ask(path, asked(desk)))
  const narrower = await desk.ask('/api/v1/capabilities/narrow', { token, scope: 'run:worker/two' })
  t.equal(narrower.status, 200, narrower.text)
  const child = tokenIn(narrower)
  t.equal(await refusedFor(send(desk, { token: child })), 'capability-invalid', 'another run')
  t.equal(await refusedFor(send(desk, { token: child, run: 'one' })), 'capability-invalid')
  t.equal((await send(desk, { token: child, run: 'two' })).status, 200)
  t.equal(
    await refusedFor(send(desk, { token, run: 'one' })),
    'capability-used',
    'both are used up',
  )
  const ofRun = tokenIn(await desk.ask(path, asked(desk, { actor: 'worker/three' })))
  t.equal(await refusedFor(send(desk, { token: ofRun })), 'capability-invalid', 'a run asked for')
  t.equal((await send(desk, { token: ofRun, run: 'three' })).status, 200)
  t.equal(desk.origin.total, 2)
})

deskTest('a token is used up by a narrower one that has ended since', async (t, desk) => {
  const token = tokenIn(await desk.ask(path, asked(desk)))
  const scope = 'run:worker/default'
  const child = tokenIn(await desk.ask('/api/v1/capabilities/narrow', { token, scope, seconds: 1 }))
  const sent = await send(desk, { token: child })
  const ends = Number(decodeJwt(child).exp) * 1000
  while (Date.now() <= ends) await new Promise((resolve) => setTimeout(resolve, 50))
  const again = await send(desk, { token })
  t.same([sent.status, again.status].sort(), [200, 403], 'one of both has passed')
  t.equal(desk.origin.total, 1)
})

deskTest('a signing key that is none gives no token and ends nothing', async (t, desk) => {
  const file = layoutOf(desk.world.settings.dataDirectory).signingKey
  await desk.as(null, '/.well-known/jwks.json', { method: 'GET' })
  const key = readFileSync(file)
  await desk.world.close()
  writeFileSync(file, '{}')
  await desk.world.open()
  const published = await desk.as(null, '/.well-known/jwks.json', { method: 'GET' })
  t.match(published, { status: 503, json: { detail: /no signing key/ } })
  t.equal((await desk.ask(path, asked(desk))).status, 503)
  writeFileSync(file, key)
  t.match(await desk.ask(path, asked(desk)), { status: 200, json: { decision: 'permit' } })
})

deskTest('an agent is given tokens for itself, and narrows only those', async (t, desk) => {
  const own = tokenOf('worker')
  const permitted = await desk.as(own, path, { body: asked(desk) })
  const token = tokenIn(permitted)
  const child = await desk.as(own, '/api/v1/capabilities/narrow', {
    body: { token, scope: 'run:worker/default' },
  })
  t.equal(child.status, 200, child.text)
  const foreign = await desk.as(tokenOf('trader'), '/api/v1/capabilities/narrow', {
    body: { token, scope: 'run:worker/default' },
  })
  t.same(refusalOf(foreign), { status: 403, code: 'capability-invalid', hasEntry: true })
  t.equal((await send(desk, { token: tokenIn(child) })).status, 200)
})

deskTest('an action of no request has a token that opens no request', async (t, desk) => {
  const permitted = await desk.ask(path, {
    actor: 'worker',
    action: 'axn_write',
    resource: 'res_file',
    context: {},
  })
  t.match(permitted.json, { decision: 'permit' }, permitted.text)
  t.equal(await refusedFor(send(desk, { token: tokenIn(permitted) })), 'capability-invalid')
  const elsewhere = await desk.ask(path, asked(desk, {}, { url: `${desk.origin.url}/else` }))
  t.match(elsewhere.json, { decision: 'deny', capability_token: null })
})
