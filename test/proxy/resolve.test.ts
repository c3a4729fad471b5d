/** The resolver: one question a name, every answer judged, and never a throw. */
import { lookup as systemLookup } from 'node:dns'
import { test } from 'tap'
import type { Destination } from '../../gate/ports.ts'
import { createResolver, type Lookup, type ResolverOptions } from '../../proxy/resolve.ts'
import { createClient, createOrigin, createWorld } from './crossing-world.ts'
import { buildHello } from './hellos.ts'

function never(): () => void {
  return () => {}
}

function scripted(answers: Readonly<Record<string, readonly (readonly string[])[]>>): {
  asked: string[]
  lookup: Lookup
} {
  const asked: string[] = []
  const lookup: Lookup = (host, callback) => {
    const turn = asked.filter((name) => name === host).length
    asked.push(host)
    const list = answers[host] ?? []
    const answer = list[Math.min(turn, list.length - 1)]
    setImmediate(() => {
      if (answer === undefined) callback(new Error('ENOTFOUND'), [])
      else callback(null, answer)
    })
  }
  return { asked, lookup }
}

function make(
  options: Partial<ResolverOptions>,
): (host: string, allowed?: readonly string[]) => Destination | Promise<Destination> {
  const resolve = createResolver({ own: () => [], after: never, ...options })
  return (host, allowed = []) => resolve(host, 443, allowed)
}

test('an address is judged in the same turn, without a question', (t) => {
  const { asked, lookup } = scripted({})
  const resolve = make({ lookup })
  t.same(resolve('1.1.1.1'), { ok: true, addresses: ['1.1.1.1'] })
  t.match(resolve('127.0.0.1'), { ok: false, code: 'destination-forbidden' })
  t.match(resolve('::1'), { ok: false, code: 'destination-forbidden' })
  t.match(resolve('fe80::1%eth0', ['::/0']), { ok: false, code: 'destination-forbidden' })
  t.same(resolve('10.0.0.1', ['10.0.0.0/8', 'nonsense']), { ok: true, addresses: ['10.0.0.1'] })
  t.match(resolve('169.254.169.254', ['0.0.0.0/0']), { ok: false, code: 'destination-forbidden' })
  t.same(asked, [])
  t.end()
})

test('one forbidden answer refuses them all', async (t) => {
  const { lookup } = scripted({
    'good.test': [['1.1.1.1', '2606:4700::1']],
    'mixed.test': [['1.1.1.1', '10.0.0.1']],
    'mapped.test': [['1.1.1.1', '::ffff:127.0.0.1']],
    'zone.test': [['fe80::1%eth0']],
    'lie.test': [['localhost']],
  })
  const resolve = make({ lookup })
  t.same(await resolve('good.test'), { ok: true, addresses: ['1.1.1.1', '2606:4700::1'] })
  for (const host of ['mixed.test', 'mapped.test', 'zone.test', 'lie.test']) {
    const answer = await resolve(host)
    t.match(answer, { ok: false, code: 'destination-forbidden' }, host)
    t.ok(answer.addresses.length > 0, 'the record shows what was answered')
  }
  t.match(await resolve('mixed.test', ['10.0.0.0/8']), { ok: true })
})

test('a name without answers is unresolved, whatever the reason', async (t) => {
  const { lookup } = scripted({ 'empty.test': [[]] })
  for (const host of ['missing.test', 'empty.test']) {
    t.match(await make({ lookup })(host), { ok: false, code: 'destination-unresolved' })
  }
  const throwing: Lookup = () => {
    throw new Error('bad name')
  }
  t.match(await make({ lookup: throwing })('odd'), { code: 'destination-unresolved' })
})

test('a resolver that does not answer is given up, and its late answer is only remembered', async (t) => {
  let fire: () => void = () => {}
  let answer: (error: null, addresses: readonly string[]) => void = () => {}
  const resolve = make({
    after: (_delayMs, callback) => {
      fire = callback
      return () => {}
    },
    lookup: (_host, callback) => {
      answer = callback
    },
  })
  const first = resolve('slow.test')
  fire()
  t.match(await first, { ok: false, code: 'destination-unresolved', message: /in time/ })
  answer(null, ['1.1.1.1'])
  t.same(resolve('slow.test'), { ok: true, addresses: ['1.1.1.1'] })
})

test('many who ask at once share one question, and later ones the answer, judged by their own rule', async (t) => {
  const { asked, lookup } = scripted({ 'a.test': [['10.0.0.1'], ['1.1.1.1']] })
  const resolve = make({ lookup, cacheMs: 40 })
  const answers = await Promise.all([
    resolve('a.test', ['10.0.0.0/8']),
    resolve('a.test'),
    resolve('a.test', ['10.0.0.0/24']),
  ])
  t.same(
    answers.map(({ ok }) => ok),
    [true, false, true],
  )
  const cached = resolve('a.test', ['11.0.0.0/8'])
  t.notOk(cached instanceof Promise, 'a cached answer comes in the same turn')
  t.match(cached, { ok: false, code: 'destination-forbidden' })
  t.same(asked, ['a.test'])
  await new Promise((wake) => setTimeout(wake, 60))
  t.same(await resolve('a.test'), { ok: true, addresses: ['1.1.1.1'] })
  t.same(asked, ['a.test', 'a.test'])
})

test('questions and answers are bounded', async (t) => {
  const silent = make({ lookup: () => {} })
  for (let index = 0; index < 256; index += 1) void silent(`h${index}.test`)
  t.match(await silent('one-more.test'), { ok: false, code: 'destination-unresolved' })
  const many = Array.from({ length: 500 }, (_, index) => `1.1.${index >> 8}.${index & 255}`)
  const { lookup } = scripted({ 'many.test': [many] })
  t.equal((await make({ lookup })('many.test')).addresses.length, 32)
})

test('the system resolver is the default, and what it reads as a number is judged as one', async (t) => {
  const resolve = make({})
  t.match(await resolve('localhost'), { ok: false, code: 'destination-forbidden' })
  for (const host of ['127.1', '2130706433', '0x7f000001', '0177.0.0.1', 'a'.repeat(300)]) {
    t.equal((await resolve(host)).ok, false, host)
  }
  t.equal(typeof systemLookup, 'function')
})

test('a name that changes its answer between question and dial reaches what was judged', async (t) => {
  const { asked, lookup } = scripted({ 'rebind.test': [['127.0.0.1'], ['127.0.0.2']] })
  const resolve = createResolver({ own: () => [], after: never, lookup, cacheMs: 1 })
  const world = await createWorld(t, { resolve })
  const origin = await createOrigin(t, (socket) => socket.pipe(socket))
  const client = await createClient(t, world.port)
  client.connect(`rebind.test:${origin.port}`)
  t.match(await client.head(), /^HTTP\/1\.1 200 /)
  const hello = buildHello({ names: ['rebind.test'] })
  client.socket.write(hello)
  t.same(await client.bytes(hello.length), hello)
  t.equal(origin.sockets[0]?.localAddress, '127.0.0.1')
  t.same(asked, ['rebind.test'], 'asked once for a request')
})
