/** Who speaks: the listener, or credentials, and nothing else. */
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { test } from 'tap'
import type { AgentTerms, Policy } from '../../kernel/policy.ts'
import { fingerprint, identify } from '../../proxy/identity.ts'
import { basic, eventually, exchangeRaw, refusalWith, startWorld, token } from './world.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const alice: AgentTerms = {
  name: 'alice',
  tenant: 'acme',
  project: 'web',
  actor: 'ann',
  type: 'act_agent',
  tokens: [sha256('first'), sha256('second')],
}
const bob: AgentTerms = {
  name: 'bob',
  tenant: null,
  project: null,
  actor: null,
  type: 'act_agent',
  tokens: [],
}
const agents = new Map([alice, bob].map((agent) => [agent.name, agent]))
const policy = { agents } as unknown as Policy

function named(authorization: string | null, listenerAgent: string | null = null): unknown {
  const identity = identify(policy, { authorization, listenerAgent })
  if (!identity.ok) return identity.code
  const { agent, run, key } = identity.principal
  return `${agent}/${run} ${key === null ? 'listener' : 'key'}`
}

test('credentials name an agent and a run of its own, and nothing else does', async (t) => {
  const cases: [string | null, unknown][] = [
    [null, 'identity-required'],
    ['Bearer x', 'identity-required'],
    ['Basic', 'identity-required'],
    ['Basic !!!', 'identity-required'],
    [`Basic ${Buffer.from('alice').toString('base64')}`, 'identity-required'],
    [basic('alice', 'first'), 'alice/default key'],
    [basic('alice', 'second'), 'alice/default key'],
    [basic('alice', 'first').replace('Basic', 'bASIC'), 'alice/default key'],
    [basic('alice+night', 'first'), 'alice/night key'],
    [basic('alice+', 'first'), 'identity-unknown'],
    [basic('alice+../x', 'first'), 'identity-unknown'],
    [basic('alice+a+b', 'first'), 'identity-unknown'],
    [basic('alice', 'third'), 'identity-unknown'],
    [basic('alice', ''), 'identity-unknown'],
    [basic('alice', sha256('first')), 'identity-unknown'],
    [basic('bob', ''), 'identity-unknown'],
    [basic('nobody', 'first'), 'identity-unknown'],
    [basic('__proto__', 'first'), 'identity-unknown'],
    [basic('', 'first'), 'identity-unknown'],
  ]
  for (const [authorization, expected] of cases) t.equal(named(authorization), expected)
})

test('a bound listener says who speaks, and credentials may only name a run', async (t) => {
  t.equal(named(null, 'alice'), 'alice/default listener')
  t.equal(named(basic('alice+night', 'wrong'), 'alice'), 'alice/night listener')
  t.equal(named(basic('alice', ''), 'alice'), 'alice/default listener')
  t.equal(named(basic('bob+night', 'first'), 'alice'), 'identity-unknown')
  t.equal(named(basic('alice+..', 'first'), 'alice'), 'identity-unknown')
  t.equal(named('Bearer x', 'alice'), 'identity-unknown')
  t.equal(named(null, 'nobody'), 'identity-unknown')
})

test('the principal has the scopes of the policy and the fingerprint of the token that matched', async (t) => {
  const identity = identify(policy, {
    authorization: basic('alice', 'second'),
    listenerAgent: null,
  })
  t.strictSame(identity, {
    ok: true,
    principal: {
      agent: 'alice',
      run: 'default',
      tenant: 'acme',
      project: 'web',
      actor: 'ann',
      key: fingerprint(sha256('second')),
    },
  })
  t.equal(fingerprint(sha256('second')), sha256(`haltgate-key\0${sha256('second')}`).slice(0, 16))
})

test('who does not say who speaks is answered 407 on a connection that stays', async (t) => {
  const world = await startWorld({ listenerAgent: null })
  t.teardown(() => world.close())
  const get = (headers: string): string =>
    `GET http://a.example/ HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
  const none = await exchangeRaw(world.port, get(''))
  t.match(none.text, /^HTTP\/1.1 407 .*haltgate: identity-required/)
  t.match(none.text, /Proxy-Authenticate: Basic realm="haltgate"/)
  t.equal(none.fate, 'open')
  const wrong = await exchangeRaw(
    world.port,
    get(`Proxy-Authorization: ${basic('researcher', 'wrong')}\r\n`),
  )
  t.match(wrong.text, /haltgate: identity-unknown/)
  const other = get(`Proxy-Authorization: ${basic('researcher')}\r\nProxy-Authorization: x\r\n`)
  t.match((await exchangeRaw(world.port, other)).text, /^HTTP\/1.1 400 /)
  const tunnel = await exchangeRaw(world.port, 'CONNECT a.example:443 HTTP/1.1\r\n\r\n')
  t.match(tunnel.text, /^HTTP\/1.1 407 .*haltgate: identity-required/)
  t.equal(world.gate.admissions.length, 0, 'the gate was not asked')
  t.equal(world.openings.length, 0)
  t.notMatch(JSON.stringify(world.gate.rejections), /wrong|correct-horse/, 'no secret is recorded')
})

test('inside a tunnel whoever opened it speaks only as long as the policy knows them', async (t) => {
  const world = await startWorld({
    listenerAgent: null,
    tunnel: async (context, { listener }, { facts, head, socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const { host, port, principal } = facts
      context.serveInner({ listener, principal, authority: { host, port } }, socket, head)
    },
  })
  t.teardown(() => world.close())
  world.gate.script.admit = () => refusalWith('no-rule')
  const [before] = [world.gate.policy]
  const researcher = before.agents.get('researcher')
  if (researcher === undefined) throw new Error('the policy has a researcher')
  const becoming = (changes: Partial<typeof researcher> | null): void => {
    const agents = new Map(before.agents)
    if (changes === null) agents.delete('researcher')
    else agents.set('researcher', { ...researcher, ...changes })
    Object.assign(world.gate, { policy: { ...before, agents } })
  }
  const inner = 'GET / HTTP/1.1\r\nHost: a.example:80\r\n\r\n'
  const cases: [name: string, change: Partial<typeof researcher> | null, expected: RegExp][] = [
    ['the same', {}, /no-rule[\s\S]*no-rule/],
    [
      'another token beside it',
      { tokens: [sha256('new'), ...researcher.tokens] },
      /no-rule[\s\S]*no-rule/,
    ],
    ['its token is revoked', { tokens: [sha256('new')] }, /no-rule[\s\S]*407 .*identity-unknown/],
    ['the agent is gone', null, /no-rule[\s\S]*407 .*identity-unknown/],
  ]
  for (const [name, change, expected] of cases) {
    Object.assign(world.gate, { policy: before })
    const socket = connect(world.port, '127.0.0.1')
    let text = ''
    let ended = false
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('end', () => {
      ended = true
    })
    socket.write(
      `CONNECT a.example:80 HTTP/1.1\r\nProxy-Authorization: ${basic('researcher')}\r\n\r\n${inner}`,
    )
    await eventually(() => text.includes('no-rule') && text.endsWith('}'))
    becoming(change)
    const heard = text.length
    socket.write(inner)
    await eventually(() => text.length > heard && text.endsWith('}'))
    t.match(text, expected, name)
    if (text.includes('identity-unknown')) await eventually(() => ended)
    else t.equal(ended, false, name)
    socket.destroy()
  }
  t.match(world.gate.rejections, [{ code: 'identity-unknown' }, { code: 'identity-unknown' }])
  becoming({ tenant: 'other' })
  await exchangeRaw(
    world.port,
    `CONNECT a.example:80 HTTP/1.1\r\nProxy-Authorization: ${basic('researcher')}\r\n\r\n${inner}`,
    { until: /\}$/ },
  )
  t.equal(world.gate.admissions.at(-1)?.facts.principal.tenant, 'other', 'as the policy has it now')
})

test('another identity on the same connection is looked at anew', async (t) => {
  const world = await startWorld({ listenerAgent: null })
  t.teardown(() => world.close())
  world.gate.script.admit = () => []
  const asked: string[] = []
  world.gate.script.admit = async (facts) => {
    asked.push(`${facts.principal.agent}/${facts.principal.run}`)
    throw new Error('never forwarded')
  }
  world.gate.admit = async (facts) => {
    asked.push(`${facts.principal.agent}/${facts.principal.run}`)
    return world.gate.reject({
      ...{ code: 'no-rule', message: 'no', principal: facts.principal, listener: '' },
    })
  }
  const get = (user: string, password = token): string =>
    `GET http://a.example/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${basic(user, password)}\r\n\r\n`
  const text = [get('researcher'), get('researcher'), get('trader+x'), get('trader', 'bad')].join(
    '',
  )
  const heard = await exchangeRaw(world.port, text)
  t.strictSame(asked, ['researcher/default', 'researcher/default', 'trader/x'])
  t.match(heard.text, /identity-unknown/)
})
