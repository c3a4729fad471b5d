/** A vault on a disk that is full or failing: nothing is decided that could not be opened, and nothing is lost. */
import { readdirSync } from 'node:fs'
import { test } from 'tap'
import { Failure } from '../../kernel/reasons.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import { VaultWorld } from './vault-world.ts'

/** The real machine, until told otherwise. */
class Faulty {
  readonly failing = new Map<keyof Files, NodeJS.ErrnoException>()
  /** Bytes that the disk still takes. */
  room = Number.POSITIVE_INFINITY
  freeBytes = Number.POSITIVE_INFINITY
  readonly files: Files = {
    ...realFiles,
    write: (descriptor, bytes) => {
      this.#may('write')
      if (this.room <= 0) throw errorOf('ENOSPC')
      const taken = realFiles.write(
        descriptor,
        bytes.subarray(0, Math.min(this.room, bytes.length)),
      )
      this.room -= taken
      return taken
    },
    sync: async (descriptor) => {
      this.#may('sync')
      await realFiles.sync(descriptor)
    },
    open: (path, how) => {
      this.#may('open')
      return realFiles.open(path, how)
    },
    rename: (from, to) => {
      this.#may('rename')
      realFiles.rename(from, to)
    },
    filesystem: (path) => ({ ...realFiles.filesystem(path), freeBytes: this.freeBytes }),
  }

  #may(call: keyof Files): void {
    const error = this.failing.get(call)
    if (error !== undefined) throw error
  }
}

const errorOf = (code: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: injected`), { code })

test('a disk that fills up in the middle of a record refuses, and goes on when there is room', async (t) => {
  const faulty = new Faulty()
  const world = await VaultWorld.open(t, { files: faulty.files })
  await world.decide('agent:a', { query: 'before' })
  for (const room of [0, 1, 40, 200]) {
    faulty.room = room
    await t.rejects(world.decide('agent:a', { query: 'lost' }), {
      code: 'ledger-unavailable',
      message: /cannot keep what this request would be committed to.*free space on its disk/s,
    })
  }
  const files = readdirSync(world.directory).length
  for (let turn = 0; turn < 20; turn += 1) {
    t.throws(() =>
      world.vault.commit({ request: 'r', subject: 'agent:b', after: 0 }, { query: 'q' }),
    )
  }
  t.equal(readdirSync(world.directory).length, files, 'a full disk gets no more files')
  faulty.room = Number.POSITIVE_INFINITY
  await world.decide('agent:a', { query: 'after' })
  await world.decide('agent:b', { query: 'after' })
  await world.close()
  t.match(await world.survey(), { commitments: 3, present: 3, missing: 0, altered: 0, broken: 0 })
})

test('a disk that is nearly full is left alone', async (t) => {
  const faulty = new Faulty()
  const world = await VaultWorld.open(t, { files: faulty.files, freeBytesMin: 1_000 })
  faulty.freeBytes = 999
  await t.rejects(world.decide('agent:a', { query: 'q' }), /999 bytes free/)
  await world.close()
})

test('a sync that failed is never tried again: the vault has ended, and says so', async (t) => {
  const faulty = new Faulty()
  const world = await VaultWorld.open(t, { files: faulty.files })
  await world.decide('agent:a', { query: 'q' })
  faulty.failing.set('sync', errorOf('EIO'))
  await t.rejects(world.decide('agent:a', { query: 'q' }), /the vault cannot be written/)
  faulty.failing.clear()
  await t.rejects(world.decide('agent:a', { query: 'q' }), Failure)
  await t.rejects(world.vault.durable(), Failure)
  t.ok(world.vault.failed)
  await world.close()
})

test('a key that cannot be made refuses, and half of one does not stand in the way later', async (t) => {
  const faulty = new Faulty()
  const world = await VaultWorld.open(t, { files: faulty.files })
  for (const [call, code] of [
    ['open', 'EMFILE'],
    ['rename', 'EIO'],
    ['write', 'EIO'],
  ] as const) {
    faulty.failing.set(call, errorOf(code))
    await t.rejects(world.decide('agent:new', { query: 'q' }), Failure, call)
    faulty.failing.clear()
  }
  await world.decide('agent:new', { query: 'q' })
  await world.close()
  t.match(await world.survey(), { present: 1, missing: 0 })
})

test('an erasure that fails anywhere is gone on with, and told once', async (t) => {
  for (const call of ['open', 'write', 'sync', 'rename'] as const) {
    for (const skip of [0, 1, 2, 3]) {
      const world = await VaultWorld.open(t, { segmentBytesMax: 300 })
      for (const query of ['one', 'two', 'three']) await world.decide('actor:ada', { query })
      await world.decide('actor:bob', { query: 'of bob' })
      const order = { subject: 'actor:ada', authority: 'x', reason: '', by: 'operator' }
      let left = skip
      const faulty: Files = { ...realFiles, [call]: failing }
      function failing(...given: never[]): unknown {
        left -= 1
        if (left < 0) throw errorOf('EIO')
        return (realFiles[call] as (...all: never[]) => unknown)(...given)
      }
      const erasing = world.erasures(world.record, faulty).erase(order)
      const failed = erasing.then((begun) => begun?.finished)
      await failed.catch((error: unknown) => t.match(error, Failure))
      const between = await world.survey()
      t.match(between, { missing: 0, altered: 0 }, `${call} ${skip}: ${JSON.stringify(between)}`)
      const begun = await world.erasures().resume()
      if (begun === 0) await world.erase('actor:ada')
      await world.close()
      const found = await world.survey()
      t.match(
        found,
        { present: 1, erased: 3, pending: 0, missing: 0, altered: 0 },
        `${call} ${skip}`,
      )
    }
  }
})

test('an erasure that the ledger does not take is pending, and the next start tells it', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('actor:ada', { query: 'q' })
  const reasons = [{ code: 'ledger-unavailable', id: '', message: 'The ledger is full.' }] as const
  const refusing = world.erasures(async () => ({ ok: false, reasons, receipt: null }))
  const order = { subject: 'actor:ada', authority: 'x', reason: '', by: 'operator' }
  const erasing = await refusing.erase(order)
  await t.rejects(async () => await erasing?.finished, /The ledger is full/)
  t.match(await world.survey(), { present: 0, erased: 1, pending: 1, missing: 0 })
  t.equal(await world.erasures().resume(), 1)
  t.equal(await world.erasures().resume(), 0)
  await world.close()
  t.match(await world.survey(), { erased: 1, pending: 0, missing: 0 })
})

test('a crash between the entry and the end of an erasure does not tell it twice', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('actor:ada', { query: 'q' })
  const order = { subject: 'actor:ada', authority: 'x', reason: '', by: 'operator' }
  const faulty: Files = {
    ...realFiles,
    remove: () => {
      throw errorOf('EIO')
    },
  }
  const erasing = await world.erasures(world.record, faulty).erase(order)
  await t.rejects(async () => await erasing?.finished, Failure)
  const { seq } = world.ledger.head
  t.equal(await world.erasures().resume(), 1)
  t.equal(world.ledger.head.seq, seq)
  await world.close()
  t.match(await world.survey(), { erased: 1, pending: 0, missing: 0 })
})
