/** The tree is signed at its cadence, by keys that end with their segment, and a ledger behind its checkpoint does not start. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import {
  checkpointEntriesMax,
  checkpointIdleMs,
  checkpointMs,
  type DurableCheckpoint,
  nextKeyOf,
  noteOf,
} from '../../ledger/checkpoint.ts'
import { lazyMs } from '../../ledger/commit.ts'
import type { After } from '../../ledger/deadline.ts'
import type { Entry } from '../../ledger/entry.ts'
import { Frontier } from '../../ledger/frontier.ts'
import type { Ledger, LedgerOptions } from '../../ledger/ledger.ts'
import { isSignedBy, type Note, parseNote, parseVkey } from '../../ledger/note.ts'
import { entriesOf, makePlace, segments, World } from './open-ledger.ts'

/** A world whose tree is signed, and whose timers go off where the test says so. */
class Signed {
  readonly world = new World(makePlace())
  readonly published: DurableCheckpoint[] = []
  readonly troubles: unknown[] = []
  readonly #timers: { readonly delayMs: number; readonly callback: () => void }[] = []
  readonly #open: Ledger[] = []

  get keys(): string {
    return join(this.world.place.data, 'keys')
  }

  get file(): string {
    return join(this.world.place.directory, 'checkpoint')
  }

  async open(more: Partial<LedgerOptions> = {}): Promise<Ledger> {
    const after: After = (delayMs, callback) => {
      const timer = { delayMs, callback }
      this.#timers.push(timer)
      return () => {
        const index = this.#timers.indexOf(timer)
        if (index >= 0) this.#timers.splice(index, 1)
      }
    }
    const ledger = await this.world.open({
      after,
      checkpoints: {
        directory: this.keys,
        published: (checkpoint) => this.published.push(checkpoint),
        trouble: (error) => this.troubles.push(error),
      },
      ...more,
    })
    this.#open.push(ledger)
    return ledger
  }

  /** Lets every timer of this length go off. */
  ring(delayMs: number): number {
    const due = this.#timers.filter((timer) => timer.delayMs === delayMs)
    for (const timer of due) {
      this.#timers.splice(this.#timers.indexOf(timer), 1)
      timer.callback()
    }
    return due.length
  }

  /** Waits until so many checkpoints are durable and told. */
  async told(count: number): Promise<void> {
    while (this.published.length < count) await this.turn()
  }

  /** One turn of the loop, in which what only waits for company goes to the disk. */
  async turn(): Promise<void> {
    this.ring(lazyMs)
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Checks every note of the ledger as a verifier would; answers how many there are. */
  check(t: Test): number {
    const entries = entriesOf(this.world.place)
    const tree = new Frontier(0, [])
    let vkey = String(entries[0]?.data['vkey'])
    let notes = 0
    for (const entry of entries) {
      if (entry.kind === 'segment.open')
        t.equal(entry.data['vkey'], vkey, 'it names the key in force')
      if (entry.kind === 'checkpoint' || entry.kind === 'key.rotate') {
        const note = parsed(t, entry)
        t.equal(note.size, entry.seq)
        t.equal(note.root, tree.root())
        const key = parseVkey(vkey)
        t.ok(
          key !== null && isSignedBy(note, key),
          `entry ${entry.seq} is signed by the key in force`,
        )
        if (entry.kind === 'key.rotate') vkey = nextKeyOf(entry, note)
        notes += 1
      }
      tree.push(entry.hash)
    }
    return notes
  }

  async remove(): Promise<void> {
    for (const ledger of this.#open) await ledger.close()
    this.world.place.remove()
  }
}

function parsed(t: Test, entry: Entry): Note {
  const note = noteOf(entry)
  if (typeof note !== 'string') return note
  t.fail(note)
  throw new Error(note)
}

function signedTest(name: string, run: (t: Test, signed: Signed) => Promise<void>): void {
  test(name, async (t) => {
    const signed = new Signed()
    t.teardown(() => signed.remove())
    await run(t, signed)
    t.same(signed.troubles, [])
  })
}

signedTest(
  'no more than 1,024 entries lie between two checkpoints, however they come',
  async (t, signed) => {
    const ledger = await signed.open()
    const all: Promise<unknown>[] = []
    for (let index = 0; index < 3_000; index += 1) all.push(signed.world.decide(ledger, 1))
    await Promise.all(all)
    const sizes = entriesOf(signed.world.place)
      .filter(({ kind }) => kind === 'checkpoint')
      .map(({ seq }) => seq)
    t.equal(signed.check(t), sizes.length)
    t.ok(sizes.every((size, index) => size - (sizes[index - 1] ?? 0) <= checkpointEntriesMax))
    t.ok(sizes.length >= 3)
  },
)

signedTest(
  'an entry waits ten seconds for its checkpoint at most, an idle ledger a minute',
  async (t, signed) => {
    const ledger = await signed.open()
    await signed.told(1)
    t.equal(signed.published[0]?.cause, 'start')
    await signed.world.decide(ledger, 1)
    await signed.world.decide(ledger, 1)
    t.equal(signed.ring(checkpointMs), 1, 'one timer, whatever comes')
    await signed.told(2)
    t.match(signed.published[1], { cause: 'cadence', size: ledger.head.seq })
    t.equal(signed.ring(checkpointMs), 0)
    t.equal(signed.ring(checkpointIdleMs), 1)
    await signed.told(3)
    t.match(signed.published[2], { cause: 'idle', size: ledger.head.seq })
    t.equal(signed.check(t), 3)
  },
)

signedTest('what is told is durable, and lies in the file', async (t, signed) => {
  const ledger = await signed.open()
  await signed.told(1)
  const [first] = signed.published
  t.ok(first !== undefined && ledger.head.seq >= first.seq)
  t.equal(readFileSync(signed.file, 'utf8'), first?.note)
  t.equal(ledger.checkpoint, first)
  t.equal(statSync(signed.file).mode & 0o777, 0o600)
  await ledger.close()
  const last = parseNote(readFileSync(signed.file, 'utf8'))
  t.match(last, { size: entriesOf(signed.world.place).length }, 'a closed ledger is covered whole')
})

signedTest(
  'a new segment brings a new key, and the old one is gone when that is durable',
  async (t, signed) => {
    const ledger = await signed.open({ segmentBytesMax: 20_000 })
    await signed.told(1)
    const [first = ''] = [ledger.genesis.vkey]
    for (let index = 0; index < 200; index += 1) {
      await signed.world.decide(ledger, 1)
      if (index % 20 === 0) signed.ring(checkpointMs)
    }
    signed.ring(checkpointMs)
    const count = signed.published.length
    await signed.told(count)
    const rotations = entriesOf(signed.world.place).filter(({ kind }) => kind === 'key.rotate')
    t.ok(rotations.length >= 2 && rotations.length === segments(signed.world.place).length - 1)
    signed.check(t)
    await ledger.close()
    const kept = readdirSync(signed.keys)
    t.equal(kept.length, 2, 'the one that signs, and the next one')
    t.notOk(kept.includes(`${first.split('+')[1]}.pem`))
    for (const name of kept) t.equal(statSync(join(signed.keys, name)).mode & 0o777, 0o600)
  },
)

signedTest('a restart goes on with the key of the chain', async (t, signed) => {
  const first = await signed.open()
  await signed.world.decide(first, 1)
  await first.close()
  const again = await signed.open()
  await signed.world.decide(again, 2)
  await again.close()
  t.equal(entriesOf(signed.world.place).filter(({ kind }) => kind === 'key.rotate').length, 0)
  t.equal(signed.check(t), 2)
})

signedTest('a ledger that was never signed adopts a key, and names it', async (t, signed) => {
  const plain = await signed.world.open()
  await signed.world.decide(plain, 1)
  await plain.close()
  const ledger = await signed.open()
  const rotation = entriesOf(signed.world.place).find(({ kind }) => kind === 'key.rotate')
  t.ok(rotation !== undefined)
  if (rotation === undefined) return
  const note = parsed(t, rotation)
  const key = parseVkey(nextKeyOf(rotation, note))
  t.ok(key !== null && isSignedBy(note, key), 'by the key that it brings')
  await ledger.close()
})

signedTest(
  'a ledger behind its checkpoint does not start, nor one with another past',
  async (t, signed) => {
    const ledger = await signed.open()
    await signed.world.decide(ledger, 1)
    await ledger.close()
    const [name = ''] = segments(signed.world.place)
    const path = join(signed.world.place.directory, name)
    const whole = readFileSync(path)
    const lines = whole.toString('latin1').split('\n')
    writeFileSync(path, Buffer.from(`${lines.slice(0, -2).join('\n')}\n`, 'latin1'))
    await t.rejects(signed.open(), /holds 4 entries where its checkpoint covers 5/)
    writeFileSync(path, whole)
    const note = readFileSync(signed.file, 'utf8').split('\n')
    const other = [note[0], note[1], Buffer.alloc(32, 7).toString('base64'), ...note.slice(3)]
    writeFileSync(signed.file, other.join('\n'))
    await t.rejects(signed.open(), /is not the ledger of its checkpoint/)
    writeFileSync(signed.file, 'no note')
    await t.rejects(signed.open(), /is no checkpoint: it has no blank line/)
    writeFileSync(signed.file, note.join('\n'))
    await t.resolves(signed.open())
  },
)

signedTest(
  'without its key, or with one that others can read, a ledger does not start',
  async (t, signed) => {
    const ledger = await signed.open()
    await ledger.close()
    const [, id] = ledger.genesis.vkey.split('+')
    const path = join(signed.keys, `${id}.pem`)
    const pem = readFileSync(path)
    rmSync(path)
    await t.rejects(signed.open(), /cannot be used: it is missing\. Put it back/)
    writeFileSync(path, pem, { mode: 0o644 })
    await t.rejects(signed.open(), /others can read it; run: chmod 600/)
    rmSync(path)
    const other = readdirSync(signed.keys).find((name) => name.endsWith('.pem')) ?? ''
    writeFileSync(path, readFileSync(join(signed.keys, other)), { mode: 0o600 })
    await t.rejects(signed.open(), /it holds another key/)
    writeFileSync(path, pem)
    await t.resolves(signed.open())
  },
)

signedTest('a note checks with openssl alone', async (t, signed) => {
  const ledger = await signed.open()
  await ledger.close()
  const note = parseNote(readFileSync(signed.file, 'utf8'))
  const key = parseVkey(ledger.genesis.vkey)
  if (typeof note === 'string' || key === null) throw new Error('neither note nor key')
  const [text, signature, pem] = ['text', 'signature', 'key.pem'].map((name) =>
    join(signed.world.place.data, name),
  )
  writeFileSync(text ?? '', note.text)
  writeFileSync(signature ?? '', note.signatures[0]?.bytes ?? '')
  writeFileSync(pem ?? '', key.key.export({ format: 'pem', type: 'spki' }))
  const answer = execFileSync('openssl', [
    ...['pkeyutl', '-verify', '-pubin', '-inkey', pem ?? '', '-rawin'],
    ...['-in', text ?? '', '-sigfile', signature ?? ''],
  ])
  t.match(answer.toString(), /Signature Verified Successfully/)
})

signedTest(
  'a disk that does not take the file stops neither the ledger nor the next checkpoint',
  async (t, signed) => {
    const ledger = await signed.open()
    await signed.told(1)
    // A directory of that name cannot be replaced by a file.
    rmSync(signed.file)
    mkdirSync(signed.file)
    await signed.world.decide(ledger, 1)
    signed.ring(checkpointMs)
    while (signed.troubles.length === 0) await signed.turn()
    t.match(String(signed.troubles[0]), /EISDIR|EEXIST|ENOTEMPTY/)
    t.equal(signed.published.length, 2, 'whoever anchors is told all the same')
    signed.troubles.length = 0
    rmSync(signed.file, { recursive: true })
    await signed.world.decide(ledger, 1)
    signed.ring(checkpointMs)
    await signed.told(3)
    t.ok(existsSync(signed.file))
  },
)
