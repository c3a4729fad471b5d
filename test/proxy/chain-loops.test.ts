/** A proxy that is the gate itself is never sent through, and what the flag says of one is read strictly. */
import { connect } from 'node:net'
import { test } from 'tap'
import { settingsOf, UsageError } from '../../cli/settings.ts'
import { refuseLoops } from '../../cli/upstream-proxy.ts'
import { askByEvents, type ChainedProxy } from '../../proxy/chain.ts'
import { loopback, startOrigins } from './chain-clients.ts'
import { openChainGate, startOtherProxy } from './chain-world.ts'

test('a proxy that leads back to the gate is refused when it starts, and when its policy is loaded', async (t) => {
  const { plain } = await startOrigins(t)
  const rules = `rules:\n  - { id: o, hosts: [localhost], ports: [${plain}], ${loopback}, effect: allow }\n`
  const gate = await openChainGate(t, { policy: rules })
  const { control, port } = { ...gate, control: gate.world.control }
  t.ok('port' in control)
  for (const host of ['127.0.0.1', 'localhost', '0.0.0.0']) {
    gate.writePolicy(`upstream_proxies: { self: { url: "http://${host}:${port}" } }\n${rules}`)
    t.match(
      await gate.world.reload(),
      { ok: false, problems: [/upstream proxy self leads to this gate/] },
      host,
    )
  }
  gate.writePolicy(`upstream_proxies: { fine: { url: "http://127.0.0.1:${plain}" } }\n${rules}`)
  t.match(await gate.world.reload(), { ok: true })
})

test('the proxy of the flag is judged as those of the policy are, and its password is not repeated', async (t) => {
  const gate = await openChainGate(t, { policy: 'rules: []\n' })
  const { policy } = gate.world.gate
  const settings = (upstreamProxy: string): ReturnType<typeof settingsOf> =>
    settingsOf({ listen: 'localhost:4128', control: '0.0.0.0:4129', upstreamProxy }, {})
  const around = (): { own: []; interfaces: string[] } => ({ own: [], interfaces: ['192.0.2.7'] })
  const loops = ['127.0.0.1:4128', 'localhost:4128', '0.0.0.0:4128', '192.0.2.7:4129', '[::1]:4129']
  for (const place of loops) {
    const refused = refuseLoops(policy, settings(`http://${place}`), around)
    await t.rejects(refused, { message: /^--upstream-proxy leads to this gate/ }, place)
  }
  for (const place of ['127.0.0.1:4127', '192.0.2.8:4129', 'nowhere.invalid:4128']) {
    await t.resolves(refuseLoops(policy, settings(`http://${place}`), around), place)
  }
  const good = settingsOf({}, { HALTGATE_UPSTREAM_PROXY: 'http://a%40b:p%3Aq%25@[::1]:3128/' })
  t.same(good.upstreamProxy, { host: '::1', port: 3128, user: 'a@b', password: 'p:q%' })
  t.equal(settingsOf({}, { HALTGATE_UPSTREAM_PROXY: '' }).upstreamProxy, null)
  for (const text of [
    ...['http://user:hidden@proxy.test', 'https://user:hidden@proxy.test:1', 'user:hidden@p:1'],
    ...['http://user:hidden@p:70000', 'http://u%3as:hidden@p:1', 'http://user:hidden%0a@p:1'],
    ...['http://user:hidden%@p:1', 'http://user:hidden@p:1/x', 'http://user:hidden@p:1?x'],
  ]) {
    t.throws(() => settingsOf({ upstreamProxy: text }, {}), UsageError, text)
    const said = ((): string => {
      try {
        return String(settingsOf({ upstreamProxy: text }, {}))
      } catch (error) {
        return String(error)
      }
    })()
    t.notMatch(said, 'hidden')
  }
})

test('a proxy that turns out to be the gate is not asked for anything', async (t) => {
  const other = await startOtherProxy(t)
  const socket = connect(other.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve))
  const places: unknown[] = []
  const proxy: ChainedProxy = {
    ...{ name: 'self', host: 'gate.test', port: other.port, authorization: null, by: 'address' },
    isOurs: (...place) => places.push(place) > 0,
  }
  const target = { host: 'x.test', port: 443, address: '192.0.2.1' }
  const error = await new Promise((resolve) => askByEvents(socket, { proxy, target }, resolve))
  t.match(error, { trouble: { code: 'upstream-unreachable', message: /self is this gate itself/ } })
  t.same(places, [['127.0.0.1', other.port]])
  t.same(other.heads, [])
})
