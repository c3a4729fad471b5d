/**
 * A signed ledger with a fault at its n-th system call, for n = 1, 2, …: checkpoints, keys and their change included.
 * `FAULT_ALL=1` strikes every call; else, behind the first 40, every fifth; what does not
 * fit into a test's time on a slow machine is left out, and said.
 */
import { cpSync, existsSync } from 'node:fs'
import { test } from 'tap'
import { check, operate } from './fault-run.ts'
import { type Fault, FaultyFiles } from './faulty-files.ts'
import { makePlace, type Place, World } from './open-ledger.ts'
import { unsynced } from './stored-ledger.ts'

const all = process.env['FAULT_ALL'] === '1'

/** Fourteen tests of a file share 300 s (.taprc). */
const testMsMax = all ? Number.POSITIVE_INFINITY : 17_000

/** How the ledger lies on the disk before it is opened. */
export const states = {
  nothing: async () => {},
  'a clean end': async (place) => {
    await operate(place, new FaultyFiles({ at: Number.POSITIVE_INFINITY, code: '' }), 0)
  },
  'a crash amid a change of keys': async (place) => {
    const dead = new FaultyFiles({ at: 118, code: 'EIO', dead: true })
    await operate(place, dead, 0)
    dead.losePower(0.6)
  },
  'an end of before checkpoints were signed': async (place) => {
    const world = new World(place)
    const ledger = await world.open({ files: unsynced })
    await world.decide(ledger, 1)
    await ledger.close()
  },
} satisfies Readonly<Record<string, (place: Place) => Promise<void>>>

interface Kind extends Omit<Fault, 'at'> {
  readonly keep?: number
}

const kinds: Readonly<Record<string, Kind>> = {
  'one EIO': { code: 'EIO' },
  'one ENOSPC among short writes': { code: 'ENOSPC', writeBytesMax: 100 },
  'one EMFILE at an open': { code: 'EMFILE', call: 'open' },
  'a kill': { code: 'ENOSPC', dead: true },
  'a power loss that takes all that was not synced': { code: 'EIO', dead: true, keep: 0 },
  'a power loss that takes names too': { code: 'EIO', dead: true, keep: 0.3 },
  'a power loss that leaves a torn tail': { code: 'EIO', dead: true, keep: 0.6 },
}

function copyOf(place: Place): Place {
  const copy = makePlace()
  for (const name of ['ledger', 'keys']) {
    if (!existsSync(`${place.data}/${name}`)) continue
    cpSync(`${place.data}/${name}`, `${copy.data}/${name}`, { recursive: true })
  }
  return copy
}

/** One test for each kind of fault, of a ledger that lies on the disk in this way. */
export function faultTests(state: keyof typeof states): void {
  const prepare = states[state]
  for (const [what, kind] of Object.entries(kinds)) {
    test(`after ${state}, ${what} at any call harms nothing that was promised`, async (t) => {
      const origin = makePlace()
      t.teardown(origin.remove)
      await prepare(origin)
      const started = performance.now()
      let [at, runs, struck] = [0, 0, true]
      while (struck && performance.now() - started < testMsMax) {
        at += all || at < 40 ? 1 : 5
        runs += 1
        const place = copyOf(origin)
        const faulty = new FaultyFiles({ ...kind, at })
        try {
          const acknowledged = await operate(place, faulty)
          struck = faulty.struck
          if (kind.keep !== undefined) faulty.losePower(kind.keep)
          await check(place, acknowledged)
        } catch (error) {
          const calls = faulty.calls.slice(Math.max(0, at - 6), at).join(' ')
          t.fail(`call ${at} (${calls}): ${error instanceof Error ? error.stack : String(error)}`)
        }
        place.remove()
      }
      if (struck) t.comment(`LEFT OUT: the calls behind the ${at}th, for want of time`)
      t.ok(at > 15, `${runs} runs, ${at} calls`)
    })
  }
}
