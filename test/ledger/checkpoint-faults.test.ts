/** Where the disk is slow, fails or loses power, a note is never ahead of its ledger, and no key or timer stays behind. */
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { checkpointMs, type DurableCheckpoint } from '../../ledger/checkpoint.ts'
import { lazyMs } from '../../ledger/commit.ts'
import type { After } from '../../ledger/deadline.ts'
import { realFiles } from '../../ledger/files.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { FaultyFiles } from './faulty-files.ts'
import { entriesOf, makePlace, noon, World } from './open-ledger.ts'

interface Timer {
  readonly delayMs: number
  readonly callback: () => void
}

/** A world, its timers, and what was told of its checkpoints. */
function begin(t: Test): {
  readonly world: World
  readonly keys: string
  readonly timers: Set<Timer>
  readonly after: After
  readonly published: DurableCheckpoint[]
  readonly ring: (delayMs: number) => void
} {
  const world = new World(makePlace())
  t.teardown(() => world.place.remove())
  const timers = new Set<Timer>()
  const after: After = (delayMs, callback) => {
    const timer = { delayMs, callback }
    timers.add(timer)
    return () => void timers.delete(timer)
  }
  const ring = (delayMs: number): void => {
    for (const timer of [...timers]) {
      if (timer.delayMs === delayMs && timers.delete(timer)) timer.callback()
    }
  }
  const keys = join(world.place.data, 'keys')
  return { world, keys, timers, after, published: [], ring }
}

/** The disk as the machine finds it when it is switched on: the process that wrote it is no more. */
function afterPowerLoss(t: Test, world: World, disk: FaultyFiles): World {
  const again = new World(makePlace())
  t.teardown(() => again.place.remove())
  disk.losePower(0)
  cpSync(world.place.data, again.place.data, { recursive: true })
  return again
}

test('without syncs of its commits, a loss of power leaves no note that is ahead of its ledger', async (t) => {
  const { after, keys, published, ring, world } = begin(t)
  const disk = new FaultyFiles({ at: Number.POSITIVE_INFINITY, code: 'EIO' })
  const told = (checkpoint: DurableCheckpoint): void => void published.push(checkpoint)
  const ledger = await world.open({
    ...{ after, durability: 'os', files: disk.files, segmentBytesMax: 3_000 },
    checkpoints: { directory: keys, published: told },
  })
  for (let amount = 0; amount < 20; amount += 1) await world.decide(ledger, amount)
  const count = published.length
  ring(checkpointMs)
  while (published.length === count || published.at(-1)?.cause !== 'cadence') {
    ring(lazyMs)
    await setImmediate()
  }
  await world.decide(ledger, 1)
  const covered = published.at(-1)?.size ?? 0
  const again = afterPowerLoss(t, world, disk)
  await ledger.close()
  const checkpoints = { directory: join(again.place.data, 'keys') }
  const second = await again.open({ durability: 'os', checkpoints })
  t.ok(covered > 0 && second.head.seq >= covered)
  await second.close()
})

test('without syncs, what a start follows is on the disk before a new segment says so', async (t) => {
  const { world } = begin(t)
  const disk = new FaultyFiles({ at: Number.POSITIVE_INFINITY, code: 'EIO' })
  const options = { durability: 'os', files: disk.files } as const
  const first = await world.open(options)
  await world.decide(first, 1)
  await first.close()
  const second = await world.open({ ...options, segmentBytesMax: 1 })
  await world.decide(second, 2)
  const again = afterPowerLoss(t, world, disk)
  await second.close()
  const third = await again.open(options)
  await third.close()
  const found = await verifyLedger({ directory: again.place.directory })
  t.match(found, { exit: 0, range: { segments: 3 } })
})

test('a start that cannot make the next key leaves no timer that writes to a closed ledger', async (t) => {
  const { after, keys, timers, world } = begin(t)
  const plain = await world.open()
  await world.decide(plain, 1)
  await plain.close()
  const before = entriesOf(world.place).length
  let made = 0
  const generate = (): ReturnType<typeof generateKeyPairSync>['privateKey'] => {
    made += 1
    if (made > 1) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
    return generateKeyPairSync('ed25519').privateKey
  }
  const checkpoints = { directory: keys, generate }
  await t.rejects(world.open({ after, checkpoints }), /ENOSPC/)
  t.same(
    [...timers].filter(({ delayMs }) => delayMs === checkpointMs),
    [],
  )
  t.equal(entriesOf(world.place).length, before)
})

test('a ledger that ends right behind a change of keys ends with two, and the old one is not among them', async (t) => {
  const { after, keys, world } = begin(t)
  const names = new Map<number, string>()
  let [isOpen, release] = [false, (): void => undefined]
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const files = {
    ...realFiles,
    open: (path: string, how: 'read' | 'append' | 'create') => {
      const descriptor = realFiles.open(path, how)
      names.set(descriptor, path)
      return descriptor
    },
    sync: async (descriptor: number) => {
      if (isOpen && names.get(descriptor)?.startsWith(keys) === true) await released
      await realFiles.sync(descriptor)
    },
  }
  const checkpoints = { directory: keys }
  const ledger = await world.open({ after, checkpoints, files, segmentBytesMax: 3_000 })
  isOpen = true
  const has = (kind: string): boolean => entriesOf(world.place).some((one) => one.kind === kind)
  while (!has('key.rotate')) await world.decide(ledger, 1)
  const closed = ledger.close()
  while (!has('boot.close')) await setImmediate()
  release()
  await closed
  const [, first = ''] = ledger.genesis.vkey.split('+')
  const kept = readdirSync(keys)
  t.equal(kept.length, 2)
  t.notOk(kept.includes(`${first}.pem`))
})

test('a note of another tree of just the size where the last segment begins is no start', async (t) => {
  const { keys, world } = begin(t)
  const checkpoints = { directory: keys }
  const first = await world.open({ checkpoints })
  await world.decide(first, 1)
  await first.close()
  const path = join(world.place.directory, 'checkpoint')
  const [origin, size, , ...rest] = readFileSync(path, 'utf8').split('\n')
  world.clock.now = noon + 86_400_000
  await (await world.open({ checkpoints })).close()
  t.match(entriesOf(world.place)[Number(size)], { kind: 'segment.open' })
  const other = Buffer.alloc(32, 7).toString('base64')
  writeFileSync(path, [origin, size, other, ...rest].join('\n'))
  await t.rejects(world.open({ checkpoints }), /is not the ledger of its checkpoint/)
})
