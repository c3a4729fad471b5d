/** A gate's side of witnessing: errands, rotations, conflicts, outages; and two real ledgers that witness each other. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import { witnessPlace } from '../../evidence/witness/client.ts'
import { cosignedAt, parseWitnessKey } from '../../evidence/witness/cosignature.ts'
import type { DurableCheckpoint } from '../../ledger/checkpoint.ts'
import { isSignedBy, parseNote, parseVkey } from '../../ledger/note.ts'
import { entriesOf, makePlace, World } from '../ledger/open-ledger.ts'
import { until } from './anchor-world.ts'
import {
  Asking,
  openPost,
  type Post,
  ProvenLog,
  type Teardown,
  temporary,
  treeHash,
} from './witness-world.ts'

const origin = 'gate.example.com/ledger'

/** The kept note of the only witness, verified by both keys. */
function kept(directory: string, post: Post, vkey: string): number {
  const names = readdirSync(directory).filter((name) => name.endsWith('.note'))
  if (names.length !== 1) throw new Error(`${names.length} notes`)
  const note = parseNote(readFileSync(join(directory, names[0] ?? ''), 'utf8'))
  const [log, witness] = [parseVkey(vkey), parseWitnessKey(post.witness.vkey)]
  if (typeof note === 'string' || log === null || witness === null) throw new Error(String(note))
  if (!isSignedBy(note, log) || cosignedAt(note, witness) === null) throw new Error('not signed')
  return note.size
}

test('each errand brings the newest checkpoint, at most one in 10 s, and its cosigned note is kept', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  const asking = new Asking(t, log, { witnesses: [post.text] })
  const { clock, directory, witnesses } = asking
  const size = (): number | undefined => witnesses.states[0]?.size
  log.grow(3)
  witnesses.offer(log.checkpoint())
  await until(() => size() === 3)
  for (const entries of [2, 2, 2]) {
    log.grow(entries)
    witnesses.offer(log.checkpoint())
  }
  await clock.pass(9_999)
  t.equal(size(), 3)
  await clock.pass(1)
  await until(() => size() === 9)
  t.equal(kept(directory, post, log.firstVkey), 9)
  t.match(witnesses.states[0], {
    name: 'witness.example/w1',
    cosignedAt: Date.UTC(2026, 10, 21, 12),
    failure: null,
    failures: 0,
  })
})

test('a gate that lost its kept note learns from the witness where it stands', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  for (const _life of [1, 2, 3]) {
    const { witnesses } = new Asking(t, log, { witnesses: [post.text] })
    log.grow(4)
    witnesses.offer(log.checkpoint())
    await until(() => witnesses.states[0]?.size === log.leaves.length)
    t.equal(witnesses.states[0]?.failures, 0)
    witnesses.close()
  }
  t.same(post.noticed, [])
})

test('a witness is led over every rotation, whether it was there or not', async (t) => {
  const log = new ProvenLog(origin)
  log.grow(2)
  log.rotate()
  log.grow(2)
  log.rotate()
  const post = await openPost(t, [log.firstVkey])
  const asking = new Asking(t, log, { witnesses: [post.text] })
  const { clock, directory, witnesses } = asking
  log.grow(1)
  witnesses.offer(log.checkpoint())
  await until(() => witnesses.states[0]?.size === log.leaves.length)
  t.same(post.noticed, [])
  log.grow(1)
  for (let count = 0; count < 3; count += 1) {
    witnesses.offer(log.rotate())
    log.grow(1)
  }
  const newest = log.checkpoint()
  witnesses.offer(newest)
  await clock.pass(10_000)
  await until(() => witnesses.states[0]?.size === newest.size)
  witnesses.close()
  // Another life, without the kept note: each note that hands over is offered again, and the old keys are refused.
  const again = new Asking(t, log, { witnesses: [post.text], directory: temporary(t) })
  log.grow(1)
  again.witnesses.offer(log.checkpoint())
  await until(() => again.witnesses.states[0]?.size === log.leaves.length)
  t.equal(readdirSync(directory).length, 1)
})

test('a fork, a rollback and another tree of the same size are told, and not cosigned', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  log.grow(8)
  const first = new Asking(t, log, { witnesses: [post.text] })
  first.witnesses.offer(log.checkpoint())
  await until(() => first.witnesses.states[0]?.size === 8)
  const cases: [number, number, RegExp][] = [
    [4, 2, /says that it saw 8 entries; this ledger has a checkpoint of 6/],
    [4, 4, /says that it saw another tree of 8 entries/],
  ]
  for (const [at, entries, message] of cases) {
    const other = log.forkedAt(at)
    other.grow(entries, 'other')
    const asking = new Asking(t, other, { witnesses: [post.text] })
    asking.witnesses.offer(other.checkpoint())
    await until(() => asking.conflicts.length === 1)
    t.match(asking.conflicts[0], message)
    t.equal(asking.witnesses.states[0]?.size, 0)
  }
  const fork = log.forkedAt(4)
  fork.grow(7, 'other')
  const asking = new Asking(t, fork, { witnesses: [post.text] })
  asking.witnesses.offer(fork.checkpoint())
  await until(() => asking.witnesses.states[0]?.failures === 1)
  t.match(asking.witnesses.states[0]?.failure, /422 \(the tree does not go on from the one/)
})

test('one witness that is gone stands in no other’s way, and is asked again', async (t) => {
  const log = new ProvenLog(origin)
  const [gone, post] = [
    await openPost(t, [log.firstVkey], { name: 'gone/w' }),
    await openPost(t, [log.firstVkey]),
  ]
  await gone.close()
  const asking = new Asking(t, log, { witnesses: [gone.text, post.text] })
  log.grow(3)
  asking.witnesses.offer(log.checkpoint())
  await until(() => asking.witnesses.states[1]?.size === 3)
  await until(() => asking.witnesses.states[0]?.failures === 1)
  t.match(asking.witnesses.states[0]?.failure, /the witness gone\/w at http.* cannot be reached/)
  await asking.clock.pass(10_000)
  await until(() => asking.witnesses.states[0]?.failures === 2)
})

async function lyingWitness(t: Teardown, answer: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(request, response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('what a lying witness answers is never kept', async (t) => {
  const log = new ProvenLog(origin)
  log.grow(3)
  const honest = await openPost(t, [log.firstVkey])
  const other = new ProvenLog(origin)
  other.grow(3, 'other')
  const otherPost = await openPost(t, [other.firstVkey])
  const asked = new Asking(t, other, { witnesses: [otherPost.text] })
  asked.witnesses.offer(other.checkpoint())
  await until(() => asked.witnesses.states[0]?.size === 3)
  const [file = ''] = readdirSync(asked.directory)
  const elsewhere = readFileSync(join(asked.directory, file), 'utf8').split('\n').at(-2)
  const answers: [string, RequestListener][] = [
    ['a cosignature of another tree', (_, response) => response.end(`${elsewhere}\n`)],
    ['nothing', (_, response) => response.end()],
    ['nonsense', (_, response) => response.end('\u2014 witness.example/w1 AAAA\n')],
    ['409 without a size', (_, response) => response.writeHead(409).end('more than you')],
    ['409 that never settles', (_, response) => response.writeHead(409).end('1\n')],
    ['a redirect', (_, response) => response.writeHead(307, { location: '/x' }).end()],
    ['500', (_, response) => response.writeHead(500).end()],
    ['a long answer', (_, response) => response.end('x'.repeat(100_000))],
    ['a cut', (_, response) => response.destroy()],
  ]
  for (const [name, answer] of answers) {
    const url = await lyingWitness(t, answer)
    const asking = new Asking(t, log, { witnesses: [`${url}#${honest.witness.vkey}`] })
    asking.witnesses.offer(log.checkpoint())
    await until(() => asking.witnesses.states[0]?.failures === 1)
    t.same(readdirSync(asking.directory), [], name)
    asking.witnesses.close()
  }
})

test('a kept note that somebody changed is not believed, and replaced', async (t) => {
  const log = new ProvenLog(origin)
  const post = await openPost(t, [log.firstVkey])
  const first = new Asking(t, log, { witnesses: [post.text] })
  log.grow(3)
  first.witnesses.offer(log.checkpoint())
  await until(() => first.witnesses.states[0]?.size === 3)
  first.witnesses.close()
  const { directory } = first
  const path = join(directory, readdirSync(directory)[0] ?? '')
  writeFileSync(path, readFileSync(path, 'utf8').replace('\n3\n', '\n9\n'))
  const second = new Asking(t, log, { witnesses: [post.text], directory })
  t.equal(second.witnesses.states[0]?.size, 0)
  log.grow(1)
  second.witnesses.offer(log.checkpoint())
  await until(() => second.witnesses.states[0]?.size === 4)
  t.equal(kept(directory, post, log.firstVkey), 4)
})

test('a witness is named by URL and key, and anything else is a sentence', async (t) => {
  const post = await openPost(t, [])
  const key = post.witness.vkey
  t.match(witnessPlace(`https://w.example/path/#${key}`), { url: 'https://w.example/path' })
  for (const wrong of [
    '',
    'https://w.example',
    `ftp://w.example#${key}`,
    `https://u:p@w.example#${key}`,
    `https://w.example#${key}x`,
  ]) {
    t.type(witnessPlace(wrong), 'string', wrong)
  }
})

/** A real ledger that signs, small segments, and what a witness has to be shown of it. */
async function openSigned(
  t: Teardown,
  name: string,
): Promise<{
  readonly decide: (count: number) => Promise<void>
  readonly close: () => Promise<void>
  readonly told: (listener: (checkpoint: DurableCheckpoint) => void) => void
  readonly log: ProvenLog
  readonly vkey: string
}> {
  const place = makePlace()
  t.teardown(() => place.remove())
  const world = new World(place)
  let listener: (checkpoint: DurableCheckpoint) => void = () => undefined
  const ledger = await world.open({
    origin: name,
    segmentBytesMax: 16_384,
    checkpoints: {
      directory: join(place.data, 'signing'),
      published: (checkpoint) => listener(checkpoint),
    },
  })
  const log = new ProvenLog(name)
  const leaves = (): readonly Buffer[] =>
    entriesOf(place).map(({ hash }) => Buffer.from(hash, 'hex'))
  const { prove } = log
  Object.assign(log, {
    prove: (from: number, to: number) => {
      log.leaves.splice(0, log.leaves.length, ...leaves())
      return prove(from, to)
    },
    rotations: async (after: number) =>
      entriesOf(place)
        .filter(({ kind, seq }) => kind === 'key.rotate' && seq > after)
        .map(({ data, seq }) => {
          const note = String(data['note'])
          return { at: 0, cause: 'rotate', note, root: '', seq, size: seq }
        }),
  })
  return {
    decide: async (count) => {
      for (let index = 0; index < count; index += 1) await world.decide(ledger, index)
    },
    close: () => ledger.close().then(() => undefined),
    told: (given) => {
      listener = given
    },
    log,
    vkey: String(entriesOf(place)[0]?.data['vkey']),
  }
}

test('two ledgers whose keys rotate witness each other, to their last checkpoint', async (t) => {
  const [one, other] = [
    await openSigned(t, 'one.example/log'),
    await openSigned(t, 'other.example/log'),
  ]
  const [byOther, byOne] = [await openPost(t, [one.vkey]), await openPost(t, [other.vkey])]
  const sides = [
    {
      ledger: one,
      asking: new Asking(t, one.log, { witnesses: [byOther.text] }),
      last: 0,
      rotations: 0,
    },
    {
      ledger: other,
      asking: new Asking(t, other.log, { witnesses: [byOne.text] }),
      last: 0,
      rotations: 0,
    },
  ]
  for (const side of sides) {
    side.ledger.told((checkpoint) => {
      side.last = checkpoint.size
      if (checkpoint.cause === 'rotate') side.rotations += 1
      side.asking.witnesses.offer(checkpoint)
    })
  }
  const errand = async ({ asking, last }: (typeof sides)[number]): Promise<void> => {
    const state = (): { size: number; failures: number } =>
      asking.witnesses.states[0] ?? { size: 0, failures: 0 }
    const before = state()
    if (before.size >= last) return
    if (before.size > 0) await asking.clock.pass(10_000)
    await until(() => state().size > before.size || state().failures > before.failures)
    t.equal(asking.witnesses.states[0]?.failure, null)
  }
  for (let round = 0; round < 4; round += 1) {
    for (const side of sides) {
      await side.ledger.decide(60)
      await errand(side)
    }
  }
  for (const side of sides) {
    await side.ledger.close()
    const { asking } = side
    await errand(side)
    await errand(side)
    t.equal(asking.witnesses.states[0]?.size, side.last)
    t.ok(side.last > 240, `${side.last} entries`)
    t.ok(side.rotations >= 2, `${side.rotations} rotations`)
    t.same(asking.conflicts, [])
    const note = parseNote(
      readFileSync(join(asking.directory, readdirSync(asking.directory)[0] ?? ''), 'utf8'),
    )
    if (typeof note === 'string') throw new Error(note)
    await side.ledger.log.prove(0, 0)
    t.equal(treeHash(side.ledger.log.leaves.slice(0, note.size)).toString('hex'), note.root)
  }
})
