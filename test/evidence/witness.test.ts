/** The witness itself, asked over HTTP with raw bodies: each answer of c2sp.org/tlog-witness, and what it keeps. */
import '../kernel/seed.ts'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import {
  cosign,
  cosignedAt,
  parseWitnessKey,
  witnessKeyText,
} from '../../evidence/witness/cosignature.ts'
import { Memory } from '../../evidence/witness/memory.ts'
import { parseRequest, requestText } from '../../evidence/witness/request.ts'
import { parseNote, rawKeyOf } from '../../ledger/note.ts'
import { openPost, type Post, ProvenLog, sha256, temporary } from './witness-world.ts'

const origin = 'gate.example.com/ledger'

async function ask(
  post: Post,
  body: string | Buffer,
  path = '/add-checkpoint',
): Promise<{ status: number; type: string; text: string }> {
  const answer = await fetch(`${post.url}${path}`, { method: 'POST', body })
  const type = answer.headers.get('content-type') ?? ''
  return { status: answer.status, type, text: await answer.text() }
}

async function bodyFor(log: ProvenLog, old: number, size = log.leaves.length): Promise<string> {
  const proof = old === 0 || old >= size ? [] : await log.prove(old, size)
  return requestText({ old, proof, note: log.checkpoint().note })
}

test('a first checkpoint and each that goes on from it are cosigned, with a time', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  const key = parseWitnessKey(post.witness.vkey)
  let old = 0
  for (const entries of [1, 1, 5, 0, 40, 3]) {
    log.grow(entries)
    const { note } = log.checkpoint()
    const { status, text } = await ask(post, await bodyFor(log, old))
    t.equal(status, 200, `from ${old} to ${log.leaves.length}`)
    const whole = parseNote(`${note}${text}`)
    if (typeof whole === 'string' || key === null) throw new Error(String(whole))
    t.equal(cosignedAt(whole, key), Date.UTC(2026, 10, 21, 12) / 1_000)
    old = log.leaves.length
  }
  t.same(post.noticed, [])
})

test('each wrong request has its own status, and changes nothing', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  log.grow(8)
  t.equal((await ask(post, await bodyFor(log, 0))).status, 200)
  const before = await bodyFor(log, 8)
  log.grow(5)
  const stranger = new ProvenLog('stranger.example/log')
  stranger.grow(3)
  const impostor = new ProvenLog(origin, log.leaves)
  const fork = log.forkedAt(6)
  fork.grow(7, 'other')
  const sameSize = log.forkedAt(6)
  sameSize.grow(2, 'other')
  const right = await bodyFor(log, 8)
  const cases: [string, string, number][] = [
    ['a log that it does not know', await bodyFor(stranger, 0), 404],
    ['a key that is not the log’s', await bodyFor(impostor, 8), 403],
    ['an old size above the new one', right.replace('old 8', 'old 14'), 400],
    ['another old size', await bodyFor(log, 5), 409],
    ['an old size of zero', await bodyFor(log, 0), 409],
    [
      'a rollback',
      requestText({ old: 6, proof: [], note: log.forkedAt(6).checkpoint().note }),
      409,
    ],
    ['another tree of the same size', await bodyFor(sameSize, 8), 409],
    ['a fork', await bodyFor(fork, 8), 422],
    ['a proof with a line less', right.replace(/\n[^\n]+\n\n/, '\n\n'), 422],
    ['a proof with a line more', right.replace('\n\n', `\n${'A'.repeat(43)}=\n\n`), 422],
    [
      'a proof of what is there already',
      before.replace('old 8\n', `old 8\n${'A'.repeat(43)}=\n`),
      422,
    ],
    ['no empty line', right.replace('\n\n', '\n'), 400],
    ['an old size with a zero before it', right.replace('old 8', 'old 08'), 400],
    ['a proof line that is no base64', right.replace('\n\n', '\n*\n\n'), 400],
    ['64 proof lines', right.replace('\n\n', `${`\n${'A'.repeat(43)}=`.repeat(64)}\n\n`), 400],
    ['nothing', '', 400],
    ['a checkpoint without an end', right.slice(0, -1), 400],
  ]
  for (const [name, body, expected] of cases) {
    const { status, text, type } = await ask(post, body)
    t.equal(status, expected, name)
    if (expected === 409)
      t.same([text, type], ['8\n', 'text/x.tlog.size'], 'with the size it knows')
  }
  t.equal((await ask(post, before)).status, 200, 'the same again is the same')
  t.equal((await ask(post, right)).status, 200, 'and what goes on is still cosigned')
  t.match(post.noticed.join('\n'), /422 the tree does not go on/)
  t.match(post.noticed.join('\n'), /409 another tree of the size that was cosigned/)
})

test('what it saw outlives it: a rollback is refused after a restart', async (t) => {
  const directory = temporary(t)
  const log = new ProvenLog(origin)
  const first = await openPost(t, [log.firstVkey], { directory })
  log.grow(3)
  const early = log.checkpoint()
  log.grow(6)
  t.equal((await ask(first, await bodyFor(log, 0))).status, 200)
  await first.close()
  const second = await openPost(t, [log.firstVkey], { directory })
  const again = await ask(second, requestText({ old: 0, proof: [], note: early.note }))
  t.same([again.status, again.text], [409, '9\n'])
})

test('a memory that is damaged ends the start, and is not taken for an empty one', async (t) => {
  const directory = temporary(t)
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey], { directory })
  log.grow(3)
  await ask(post, await bodyFor(log, 0))
  await post.close()
  const [name = ''] = readdirSync(directory)
  const whole = readFileSync(join(directory, name), 'utf8')
  for (const damaged of ['', whole.slice(0, 20), whole.replace('"size":3', '"size":-3'), '[]']) {
    writeFileSync(join(directory, name), damaged)
    t.throws(() => Memory.open(directory, [origin]), { name: 'Failure', message: /restore it/ })
  }
})

test('a rotation is followed, and the key before signs nothing any more', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  log.grow(4)
  const before = log.forkedAt(4)
  const { note } = log.rotate()
  t.equal((await ask(post, requestText({ old: 0, proof: [], note }))).status, 200)
  log.grow(2)
  t.equal((await ask(post, await bodyFor(log, 4))).status, 200, 'the new key')
  before.grow(9)
  t.equal((await ask(post, await bodyFor(before, 7))).status, 403, 'the old key')
})

test('two that go on from the same tree at the same time: one is cosigned', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  log.grow(4)
  await ask(post, await bodyFor(log, 0))
  const [one, other] = [log.forkedAt(4), log.forkedAt(4)]
  one.grow(3, 'one')
  other.grow(3, 'other')
  const bodies = [await bodyFor(one, 4), await bodyFor(other, 4)]
  const answers = await Promise.all(bodies.map((body) => ask(post, body)))
  t.same(answers.map(({ status }) => status).sort(), [200, 409])
})

test('its door is bounded: other paths, methods, long bodies, bytes that are no HTTP', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  t.equal((await ask(post, 'x', '/')).status, 404)
  t.equal((await fetch(`${post.url}/add-checkpoint`)).status, 405)
  t.equal((await ask(post, Buffer.from([0xff, 0xfe]))).status, 400)
  const long = await ask(post, 'x'.repeat(2_000_000)).catch(() => ({ status: 413 }))
  t.equal(long.status, 413)
  const port = Number(new URL(post.url).port)
  for (const bytes of [
    '\u0000\u0001\u0002',
    'POST /add-checkpoint HTTP/1.1\r\ncontent-length: 9\r\n\r\nold',
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(bytes)
        setImmediate(() => socket.destroy())
      })
      socket.on('close', () => resolve()).on('error', () => undefined)
    })
  }
  log.grow(1)
  t.equal((await ask(post, await bodyFor(log, 0))).status, 200, 'and it still answers')
})

test('no body, however odd, ends it or is cosigned', async (t) => {
  const log = new ProvenLog(origin)
  log.grow(6)
  const post = await openPost(t, [log.firstVkey])
  const right = await bodyFor(log, 0)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(right.length - 1),
      fc.nat(20),
      fc.string({ unit: fc.constantFrom(...'\n\u2014 +=old0123Az/\u0000\u00e9'), maxLength: 20 }),
      async (at, length, other) => {
        const body = `${right.slice(0, at)}${other}${right.slice(at + length)}`
        if (body === right) return
        const { status } = await post.witness.receive(body)
        if (status === 200) {
          // What was changed is outside of what is signed: a line of somebody else's signature.
          const request = parseRequest(body)
          if (typeof request === 'string') throw new Error(request)
          const note = parseNote(request.note)
          if (typeof note === 'string' || note.size !== 6) throw new Error('cosigned another tree')
        }
      },
    ),
    { numRuns: 300 },
  )
  t.pass()
})

test('a cosignature is of its text, its time and its key', async (t) => {
  const log = new ProvenLog(origin)
  log.grow(2)
  const { note } = log.checkpoint()
  const { privateKey } = generateKeyPairSync('ed25519')
  const key = parseWitnessKey(witnessKeyText('w.example/1', rawKeyOf(privateKey)))
  const other = parseWitnessKey(witnessKeyText('w.example/2', rawKeyOf(privateKey)))
  if (key === null || other === null) throw new Error('no key')
  const text = note.slice(0, note.indexOf('\n\n') + 1)
  const line = cosign(text, { name: 'w.example/1', privateKey }, 1_700_000_000)
  const at = (whole: string, by = key): number | null => {
    const parsed = parseNote(whole)
    if (typeof parsed === 'string') throw new Error(parsed)
    return cosignedAt(parsed, by)
  }
  t.equal(at(`${note}${line}`), 1_700_000_000)
  t.equal(at(note), null)
  t.equal(at(`${note}${line}`, other), null)
  t.equal(at(`${note.replace('\n2\n', '\n3\n')}${line}`), null)
  const bytes = Buffer.from(line.split(' ')[2] ?? '', 'base64')
  t.equal(bytes.length, 4 + 8 + 64)
  t.equal(bytes.readBigUInt64BE(4), 1_700_000_000n)
  const message = Buffer.from(`cosignature/v1\ntime 1700000000\n${text}`)
  t.ok(
    verify(null, message, createPublicKey(privateKey), bytes.subarray(12)),
    'as the specification has it',
  )
  const typed = Buffer.concat([Buffer.of(4), rawKeyOf(privateKey)])
  t.ok(bytes.subarray(0, 4).equals(sha256('w.example/1\n', typed).subarray(0, 4)))
  bytes[11] = (bytes[11] ?? 0) ^ 1
  t.equal(at(`${note}\u2014 w.example/1 ${bytes.toString('base64')}\n`), null, 'another time')
  for (const wrong of ['', 'x', key.text.replace('+', '-'), key.text.slice(0, -1), log.firstVkey]) {
    t.equal(parseWitnessKey(wrong), null)
  }
})
