/** The place of a ledger: its lock, its directory, its filesystem, and the room on its disk. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { Failure } from '../../kernel/reasons.ts'
import { realFiles } from '../../ledger/files.ts'
import { decision, entriesOf, makePlace, type Place, World } from './open-ledger.ts'
import { begin, refusal, unavailable } from './stored-ledger.ts'

test('there is one writer, and a second one is told so', async (t) => {
  const world = begin(t)
  const ledger = await world.open()
  await t.rejects(new World(world.place).open(), {
    ...unavailable,
    message: /another process writes/,
  })
  const script = new URL('./appender.js', import.meta.url).pathname
  const child = (): string => {
    try {
      return execFileSync(process.execPath, [script, world.place.data, '1'], {
        stdio: 'pipe',
      }).toString()
    } catch (error) {
      return String((error as { stderr: Buffer }).stderr)
    }
  }
  t.match(child(), /another process writes this ledger/)
  t.equal((await ledger.append(decision(1))).seq, 2, 'and the first one goes on')
  await ledger.close()
  t.match(child(), /^acknowledged/m)
  const place = makePlace()
  t.teardown(place.remove)
  mkdirSync(place.lockFile)
  t.match(await refusal(place), /lock .* cannot be opened/)
  rmSync(place.lockFile, { recursive: true })
  writeFileSync(
    place.lockFile,
    'this is no database, and longer than its header would be, to be sure'.repeat(20),
  )
  t.match(await refusal(place), /opened|lock .* cannot be taken/)
})

test('a directory that is open to others is closed to them, and one that is none is refused', async (t) => {
  const world = begin(t)
  mkdirSync(world.place.directory, { mode: 0o755 })
  chmodSync(world.place.directory, 0o777)
  const makePrivate = (): void => {
    throw Object.assign(new Error('EPERM: not yours'), { code: 'EPERM' })
  }
  t.match(await refusal(world.place, { files: { ...realFiles, makePrivate } }), /chmod 700/)
  await (await world.open()).close()
  t.equal(statSync(world.place.directory).mode & 0o777, 0o700)
  const place = makePlace()
  t.teardown(place.remove)
  writeFileSync(place.directory, '')
  t.match(await refusal(place), /is not a directory/)
})

test('filesystems that lose or share what is written are refused unless that is asked for', async (t) => {
  const types: readonly (readonly [number, RegExp])[] = [
    [0x6969, /NFS/],
    [0xff534d42 | 0, /CIFS/],
    [0x65735546, /FUSE/],
    [0x01021994, /tmpfs/],
    [0xef53, /opened/],
  ]
  for (const [type, message] of types) {
    const world = begin(t)
    const files = { ...realFiles, filesystem: () => ({ type, freeBytes: 1e12 }) }
    t.match(await refusal(world.place, { files, anyFilesystem: false }), message)
    await (await world.open({ files, anyFilesystem: true })).close()
  }
})

/** Runs a tool of the system, which is there on Linux for root. */
const run = (tool: string, ...rest: string[]): Buffer => execFileSync(tool, rest, { stdio: 'pipe' })

/** Why no image can be mounted here; false where one can. */
function unmountable(): string | false {
  const place = makePlace()
  const image = join(place.data, 'image')
  const point = join(place.data, 'mounted')
  try {
    mkdirSync(point)
    writeFileSync(image, '')
    truncateSync(image, 8 * 1024 * 1024)
    run('mkfs.ext4', '-q', '-F', image)
    run('mount', '-o', 'loop', image, point)
    run('umount', point)
    return false
  } catch (error) {
    return `NOT tested here, for want of root or loop devices: ${String(error).split('\n')[0]}`
  } finally {
    place.remove()
  }
}

const skip = unmountable()

/** Mounts a small ext4 image, and answers a place on it. */
function mountImage(t: Test, megabytes: number): Place {
  const place = makePlace()
  t.teardown(place.remove)
  const image = join(place.data, 'image')
  const point = join(place.data, 'mounted')
  mkdirSync(point)
  writeFileSync(image, '')
  truncateSync(image, megabytes * 1024 * 1024)
  run('mkfs.ext4', '-q', '-F', image)
  run('mount', '-o', 'loop', image, point)
  t.teardown(() => run('umount', '-l', point))
  return {
    ...place,
    data: point,
    directory: join(point, 'ledger'),
    lockFile: join(point, 'ledger.lock'),
  }
}

/** Writes until the disk takes nothing more. */
function fill(path: string): void {
  for (let bytes = 65_536; bytes >= 1; bytes = bytes >> 1) {
    try {
      for (;;) appendFileSync(path, Buffer.alloc(bytes))
    } catch (error) {
      if ((error as { code: string }).code !== 'ENOSPC') throw error
    }
  }
}

test('on a disk that fills up, every acknowledged entry is there and the rest is refused', {
  skip,
}, async (t) => {
  const place = mountImage(t, 8)
  const world = new World(place)
  const ledger = await world.open({ anyFilesystem: false })
  const data = { text: 'x'.repeat(50_000) }
  let acknowledged = 0
  let said = ''
  while (said === '') {
    const failure = await ledger
      .append({ kind: 'incident', actor: {}, data })
      .catch((error: Failure) => error)
    if (failure instanceof Failure) said = failure.message
    else acknowledged += 1
  }
  t.match(said, /ENOSPC.*free space on its disk, then restart/)
  t.match(ledger.poisoned, unavailable)
  await ledger.close()
  t.ok(acknowledged > 50)
  t.equal(entriesOf(place).filter(({ kind }) => kind === 'incident').length, acknowledged)
  fill(join(place.data, 'filler'))
  t.match(await refusal(place), /ENOSPC/, 'a start on a full disk is refused')
  run('mount', '-o', 'remount,ro', place.data)
  t.match(await refusal(place), /EROFS|readonly|read-only|unable to open/)
  run('mount', '-o', 'remount,rw', place.data)
  rmSync(join(place.data, 'filler'))
  t.equal(await refusal(place), 'opened', 'with room again, it goes on')
})

test('a watermark stops appends while the disk still has room', { skip }, async (t) => {
  const place = mountImage(t, 8)
  const world = new World(place)
  const ledger = await world.open({ freeBytesMin: 2_000_000 })
  const data = { text: 'x'.repeat(50_000) }
  let refused: unknown = null
  while (refused === null) {
    world.clock.now += 1_000
    const outcome = await ledger
      .append({ kind: 'incident', actor: {}, data })
      .catch((error: Failure) => error)
    if (outcome instanceof Failure) refused = outcome
  }
  t.match(refused, { message: /bytes free/ })
  t.equal(ledger.poisoned, null)
  await ledger.close()
  t.equal(entriesOf(place).at(-1)?.kind, 'boot.close')
})
