/**
 * A signed ledger with a fault at its n-th system call, for n = 1, 2, …: checkpoints, keys and their change included.
 * `FAULT_ALL=1` strikes every call; else one call of each name is struck, from the first of them under one fault to the
 * last of them under another, and of the others, spread over the whole life, as many as fit into a test's time. What is
 * left out is said.
 */
import { cpSync, existsSync } from 'node:fs'
import { test } from 'tap'
import { check, operate } from './fault-run.ts'
import { type Fault, FaultyFiles } from './faulty-files.ts'
import { makePlace, type Place, World } from './open-ledger.ts'
import { unsynced } from './stored-ledger.ts'

const all = process.env['FAULT_ALL'] === '1'

/** Fourteen tests of a file take some 40 s on two busy cores; one call of each name is struck whatever it takes. */
const testMsMax = all ? Number.POSITIVE_INFINITY : 2_000

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

/** The calls of a life in which nothing fails, by name. */
async function callsOf(origin: Place, kind: Kind): Promise<readonly string[]> {
  const place = copyOf(origin)
  const sound = new FaultyFiles({ ...kind, dead: false, at: Number.POSITIVE_INFINITY })
  await check(place, await operate(place, sound))
  place.remove()
  return sound.calls
}

/**
 * One call of each name, then all others: near ones far apart, so that any few are spread over the life.
 *
 * part  which of a name's calls: 0 the first, 1 the last.
 */
function planOf(
  calls: readonly string[],
  part: number,
): { readonly must: readonly number[]; readonly rest: readonly number[] } {
  const every = calls.map((name, index) => ({ name, at: index + 1 }))
  const must = [...new Set(calls)].map((name) => {
    const own = every.filter((call) => call.name === name)
    return own[Math.round(part * (own.length - 1))]?.at ?? 0
  })
  const golden = (at: number): number => (at * 0.618034) % 1
  const rest = every.map(({ at }) => at).filter((at) => !must.includes(at))
  return { must, rest: rest.sort((one, other) => golden(one) - golden(other)) }
}

/** A life in which one call fails; the name of that call, null where the life ended before it. */
async function strike(origin: Place, { at, ...kind }: Fault & Kind): Promise<string | null> {
  const place = copyOf(origin)
  const faulty = new FaultyFiles({ ...kind, at })
  try {
    const acknowledged = await operate(place, faulty)
    if (kind.keep !== undefined) faulty.losePower(kind.keep)
    await check(place, acknowledged)
  } catch (error) {
    const calls = faulty.calls.slice(Math.max(0, at - 6), at).join(' ')
    const why = error instanceof Error ? error.stack : String(error)
    throw new Error(`call ${at} (${calls}): ${why}`)
  } finally {
    place.remove()
  }
  return faulty.struck ? (faulty.calls[at - 1] ?? null) : null
}

/** One test for each kind of fault, of a ledger that lies on the disk in this way. */
export function faultTests(state: keyof typeof states): void {
  const prepare = states[state]
  const named = Object.entries(kinds)
  for (const [index, [what, kind]] of named.entries()) {
    test(`after ${state}, ${what} at any call harms nothing that was promised`, async (t) => {
      const origin = makePlace()
      t.teardown(origin.remove)
      await prepare(origin)
      const calls = await callsOf(origin, kind)
      const { must, rest } = planOf(calls, index / (named.length - 1))
      const started = performance.now()
      const struck: string[] = []
      let runs = 0
      for (const at of [...must, ...rest]) {
        if (runs >= must.length && performance.now() - started > testMsMax) break
        runs += 1
        const name = await strike(origin, { ...kind, at }).catch((error: unknown) => {
          t.fail(error instanceof Error ? error.message : String(error))
          return null
        })
        if (name !== null) struck.push(name)
      }
      if (runs < calls.length) t.comment(`LEFT OUT: ${calls.length - runs} calls, for want of time`)
      t.equal(struck.length, runs, `${runs} of ${calls.length} calls were struck, none in vain`)
      t.same([...new Set(struck)].sort(), [...new Set(calls)].sort(), 'every kind of call was')
      t.ok(calls.length > 15 && runs >= must.length, `${must.length} of them in any case`)
    })
  }
}
