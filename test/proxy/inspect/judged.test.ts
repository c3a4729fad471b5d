/** One body under judgement: read once, in bounds, given on as it was judged. */
import { gzipSync } from 'node:zlib'
import { test } from 'tap'
import type { Needed } from '../../../gate/ports.ts'
import type { PayloadTerms } from '../../../kernel/payload.ts'
import { openInspector } from '../../../payload/inspect.ts'
import { Judged, objectionOf } from '../../../proxy/inspect/judged.ts'
import { settled } from '../../gate/clock.ts'
import { type Asked, type Scene, sceneOf } from './play.ts'

const json = ['Content-Type', 'application/json']
const needsJson: Needed = { decoder: 'json', payload: [] }
const limits = { judgedBytesMax: 1000, judgingBytesMax: 2500, bodyTimeoutMs: 1000 }
const inspector = openInspector({
  secrets: [{ name: 'up', value: Buffer.from('very-secret-value-1') }],
  key: Buffer.alloc(32, 1),
})

const terms = (action: PayloadTerms['action']): PayloadTerms => ({
  rule: 'mails',
  action,
  detectors: ['email-addresses'],
  responses: false,
})

function judging(asked: Asked = {}): Scene & { readonly judged: Judged } {
  const scene = sceneOf({ headers: json, ...asked, limits: { ...limits, ...asked.limits } })
  return { ...scene, judged: new Judged(scene.desk, scene.messages, scene.intake) }
}

void test('a body is read once, whatever is asked of it, and is what goes on', async (t) => {
  const { desk, judged, request } = judging({ length: 7 })
  const read = judged.read(needsJson)
  t.ok(judged.waits)
  t.equal(desk.judging, 0, 'who only says how much will come takes no room')
  request.send('{"a":', '1}')
  t.equal(desk.judging, 7)
  t.match(await read, { ok: true, content: { decoder: 'json', body: { a: 1 } } })
  t.notOk(judged.waits)
  t.match(await judged.read({ decoder: '', payload: [] }), { ok: true, content: null })
  t.match(await judged.read({ decoder: 'form', payload: [] }), { ok: false })
  t.equal(judged.content, null, 'what the last decoder made of it')
  t.match(await judged.read(needsJson), { ok: true })
  t.equal(judged.body?.toString(), '{"a":1}')
  t.equal(judged.headers, null, "its headers are the client's own")
  judged.free()
  judged.free()
  t.equal(desk.judging, 0)
})

void test('a coded body goes on without its coding, and counts as what it unfolds to', async (t) => {
  const body = JSON.stringify({ a: 'x'.repeat(800) })
  const coded = gzipSync(body)
  const headers = [...json, 'Content-Encoding', 'gzip', 'X', 'y']
  const { desk, judged, request } = judging({ headers, length: coded.length })
  const read = judged.read(needsJson)
  request.send(coded)
  await settled()
  t.match(await read, { ok: true })
  t.equal(judged.body?.toString(), body)
  t.strictSame(judged.headers, [...json, 'X', 'y'])
  t.equal(desk.judging, body.length)
  judged.free()
  t.equal(desk.judging, 0)
})

void test('small bodies that unfold to large ones are bounded together', async (t) => {
  const coded = gzipSync(Buffer.alloc(900))
  const asked = { headers: ['Content-Encoding', 'gzip'], length: coded.length }
  const { desk, judged, request } = judging(asked)
  desk.judging = limits.judgingBytesMax - coded.length
  const read = judged.read(needsJson)
  request.send(coded)
  t.match(await read, { ok: false, code: 'rate-limited' })
  judged.free()
  t.equal(desk.judging, limits.judgingBytesMax - coded.length)
})

void test('a header that is sent twice is read as both peers could read it', async (t) => {
  for (const headers of [
    [...json, 'Content-Encoding', '', 'Content-Encoding', 'br'],
    [...json, 'Content-Encoding', 'identity', 'content-encoding', 'gzip'],
    [...json, 'Content-Type', 'application/x-www-form-urlencoded'],
  ]) {
    const { judged, request } = judging({ headers, length: 7 })
    const read = judged.read(needsJson)
    request.send('{"a":1}')
    t.match(await read, { ok: false }, headers.join())
  }
  const { judged, request } = judging({ headers: [...json, 'Content-Encoding', ''], length: 7 })
  const read = judged.read(needsJson)
  request.send('{"a":1}')
  t.match(await read, { ok: true })
  t.strictSame(judged.headers, json, 'a coding that is empty does not go on')
})

void test('room is given back on every way out', async (t) => {
  const ways: readonly (readonly [string, Asked, (scene: Scene) => unknown, string])[] = [
    ['the client leaves', {}, ({ response }) => response.emit('close'), 'malformed-request'],
    ['it takes too long', {}, ({ clock }) => clock.pass(1000), 'malformed-request'],
    ['it is too long', {}, ({ request }) => request.send(Buffer.alloc(1001)), 'request-too-large'],
    ['it said so', { length: 1001 }, () => undefined, 'request-too-large'],
    [
      'it is not of its coding',
      { headers: ['Content-Encoding', 'br'] },
      ({ request }) => request.send('x'),
      'malformed-request',
    ],
    ['no decoder reads it', {}, ({ request }) => request.send('{'), 'malformed-request'],
  ]
  for (const [name, asked, play, code] of ways) {
    const scene = judging(asked)
    const read = scene.judged.read(needsJson)
    await play(scene)
    t.match(await read, { ok: false, code }, name)
    t.notOk(scene.judged.waits, name)
    scene.judged.free()
    t.equal(scene.desk.judging, 0, name)
    t.equal(scene.clock.timers, 0, name)
  }
})

void test('a body for which there is no room is refused before it is asked for', async (t) => {
  const length = limits.judgedBytesMax
  const { desk, judged, request, response } = judging({ expects: true, length })
  desk.judging = limits.judgingBytesMax - limits.judgedBytesMax + 1
  t.match(await judged.read(needsJson), { ok: false, code: 'rate-limited' })
  t.strictSame([request.flows, response.continues, judged.continued], [false, 0, false])
  judged.free()
  t.equal(desk.judging, limits.judgingBytesMax - limits.judgedBytesMax + 1)
})

void test('a body of unknown length takes room as it comes, and none that is not there', async (t) => {
  const { desk, judged, request } = judging({ length: null })
  desk.judging = limits.judgingBytesMax - 5
  const read = judged.read(needsJson)
  request.send('{"a":', '1}')
  t.match(await read, { ok: false, code: 'rate-limited' })
  t.equal(desk.judging, limits.judgingBytesMax, 'what has come is counted')
  t.notOk(request.flows)
  judged.free()
  t.equal(desk.judging, limits.judgingBytesMax - 5)
})

void test('many small values take room of their own until the gate has decided', async (t) => {
  const body = `[${'0,'.repeat(1123)}0]`
  const roomy = { judgedBytesMax: 10_000, judgingBytesMax: 20_000 }
  const asked = { length: body.length, limits: roomy }
  const { desk, judged, request } = judging(asked)
  const read = judged.read(needsJson)
  request.send(body)
  t.match(await read, { ok: true })
  t.equal(desk.judging, body.length + 10_000)
  t.match(await judged.read(needsJson), { ok: true })
  t.equal(desk.judging, body.length + 10_000, 'counted once')
  judged.decided()
  t.equal(desk.judging, body.length)
  judged.free()
  t.equal(desk.judging, 0)
  const crowd = judging(asked)
  crowd.desk.judging = 10_000
  const refused = crowd.judged.read(needsJson)
  crowd.request.send(body)
  t.match(await refused, { ok: false, code: 'rate-limited' })
  crowd.judged.free()
  t.equal(crowd.desk.judging, 10_000)
})

void test('a client that asks whether to send is told so once, and not where it is too much', async (t) => {
  const { judged, request, response } = judging({ expects: true, length: 7 })
  const read = judged.read(needsJson)
  t.strictSame([response.continues, judged.continued], [1, true])
  request.send('{"a":1}')
  await read
  judged.proceed()
  t.equal(response.continues, 1)
  const large = judging({ expects: true, length: 1001 })
  await large.judged.read(needsJson)
  t.equal(large.response.continues, 0)
  const none = judging({ length: 7 })
  none.judged.proceed()
  t.equal(none.response.continues, 0, 'nobody asked')
})

void test('a request without a body is judged as one of no bytes', async (t) => {
  const { judged, request, desk } = judging({ method: 'GET', length: 0 })
  t.match(await judged.read(needsJson), { ok: false }, 'no JSON')
  t.match(await judged.read({ decoder: '', payload: [] }), { ok: true, content: null })
  t.equal(judged.body?.length, 0)
  t.strictSame([request.heeded, desk.judging], [0, 0])
})

void test('what detectors object to is taken out, or refuses, and is found', async (t) => {
  const body = '{"to":"someone@example.com"}'
  const sight = { inspector }
  let judgedAs = ''
  const play = async (action: PayloadTerms['action']): Promise<Judged> => {
    const { judged, request } = judging({ sight, length: body.length })
    const needed = { decoder: 'json', payload: [terms(action)] } as const
    const read = judged.read(needed)
    request.send(body)
    const reading = await read
    t.equal(reading.ok, action !== 'block', action)
    if (reading.ok && action === 'redact') judgedAs = JSON.stringify(reading.content?.body)
    t.match(judged.findings, [{ detector: 'email-addresses', place: 'request-body', count: 1 }])
    return judged
  }
  const [redacted, warned, blocked] = [
    await play('redact'),
    await play('warn'),
    await play('block'),
  ]
  t.notMatch(redacted.body?.toString() ?? '', 'someone')
  t.equal(judgedAs, redacted.body?.toString(), 'judged as it goes on')
  t.equal(warned.body?.toString(), body)
  t.equal(blocked.body, null)
})

void test('a secret of the gate refuses a body that a rule has read, whatever the rule looks for', async (t) => {
  const body = '{"key":"very-secret-value-1"}'
  const { judged, request } = judging({ sight: { inspector }, length: body.length })
  const read = judged.read(needsJson)
  request.send(body)
  t.match(await read, {
    ok: false,
    code: 'payload-secret',
    message: /a secret of the gate: take it out/,
  })
  t.strictSame(objectionOf({ code: null, detector: null, rule: 'r' }), [
    'payload-secret',
    'The payload holds what it finds (rule r): take it out.',
  ])
})

void test('a rule that names detectors which are not there refuses', async (t) => {
  const { judged, request } = judging({ length: 2 })
  const read = judged.read({ decoder: '', payload: [terms('warn')] })
  request.send('{}')
  t.match(await read, { ok: false, code: 'policy-unavailable' })
})
