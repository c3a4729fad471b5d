/** One life of a signed ledger under one fault, and what must hold of its files afterwards. */

import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Failure } from '../../kernel/reasons.ts'
import { checkpointIdleMs, checkpointMs, nextKeyOf, noteOf } from '../../ledger/checkpoint.ts'
import { lazyMs } from '../../ledger/commit.ts'
import type { After } from '../../ledger/deadline.ts'
import type { Entry, Receipt } from '../../ledger/entry.ts'
import type { Files } from '../../ledger/files.ts'
import { Frontier } from '../../ledger/frontier.ts'
import type { Ledger, LedgerOptions } from '../../ledger/ledger.ts'
import { isSignedBy, parseVkey } from '../../ledger/note.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { fixedKey } from '../vectors/chain.ts'
import type { FaultyFiles } from './faulty-files.ts'
import { entriesOf, type Place, World } from './open-ledger.ts'
import { unsynced } from './stored-ledger.ts'

/** Timers that go off where the run says so. */
class Bells {
  readonly #timers = new Set<{ readonly delayMs: number; readonly callback: () => void }>()

  readonly after: After = (delayMs, callback) => {
    const timer = { delayMs, callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  ring(delayMs: number): void {
    for (const timer of [...this.#timers]) {
      if (timer.delayMs !== delayMs || !this.#timers.delete(timer)) continue
      timer.callback()
    }
  }
}

/** Keys of one life: no randomness in a run, and none that another life has made. */
function keyMaker(life: number): () => ReturnType<typeof fixedKey>['key'] {
  let made = 50 * life
  return () => {
    made += 1
    return fixedKey('', made).key
  }
}

interface Life {
  readonly place: Place
  readonly files: Files
  readonly bells: Bells
  readonly life: number
}

function signedOptions({ bells, files, life, place }: Life): Partial<LedgerOptions> {
  const generate = keyMaker(life)
  return {
    files,
    after: bells.after,
    segmentBytesMax: 3_000,
    checkpoints: { directory: join(place.data, 'keys'), generate },
  }
}

/** Lets what waits go to the disk, and the checkpoints that follow from it. */
async function rest(bells: Bells, turns = 12): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    bells.ring(lazyMs)
    await setImmediate()
  }
}

async function opened(world: World, options: Partial<LedgerOptions>): Promise<Ledger | Failure> {
  return await world.open(options).catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error
    return error
  })
}

/**
 * Opens, appends in rounds over several segments with checkpoints between, closes. Whatever fails, it goes on as a gate
 * would not. Answers what was acknowledged.
 *
 * life  tells the keys of this life from those of others in the same place.
 */
export async function operate(place: Place, files: FaultyFiles, life = 1): Promise<Receipt[]> {
  const world = new World(place)
  const bells = new Bells()
  const acknowledged: Receipt[] = []
  const ledger = await opened(world, signedOptions({ place, files: files.files, bells, life }))
  if (ledger instanceof Failure) return acknowledged
  for (let round = 0; round < 4; round += 1) {
    const waiting = [world.note(ledger, 4), ...[1, 2, 3].map((one) => world.decide(ledger, one))]
    for (const result of await Promise.allSettled(waiting)) {
      if (result.status === 'fulfilled') acknowledged.push(result.value)
      else if (!(result.reason instanceof Failure)) throw result.reason
    }
    bells.ring(round % 2 === 0 ? checkpointMs : checkpointIdleMs)
    await rest(bells)
  }
  const poisoned = ledger.poisoned !== null
  await ledger.close().catch((error: unknown) => {
    if (!files.struck) throw error
  })
  await rest(bells)
  if (poisoned && !files.struck) throw new Error('nothing poisons a sound disk')
  return acknowledged
}

/** Notes of the chain, checked without the verifier: the root, and the key that was in force. */
function checkNotes(entries: readonly Entry[]): number {
  const tree = new Frontier(0, [])
  let vkey = String(entries[0]?.data['vkey'] ?? '')
  let notes = 0
  for (const entry of entries) {
    if (entry.kind === 'checkpoint' || entry.kind === 'key.rotate') {
      const note = noteOf(entry)
      if (typeof note === 'string') throw new Error(`entry ${entry.seq}: ${note}`)
      if (vkey === '' && entry.kind === 'key.rotate') vkey = nextKeyOf(entry, note)
      const key = parseVkey(vkey)
      if (note.size !== entry.seq || note.root !== tree.root()) {
        throw new Error(`entry ${entry.seq} signs another tree`)
      }
      if (key === null || !isSignedBy(note, key)) {
        throw new Error(`entry ${entry.seq} is not signed by the key in force`)
      }
      if (entry.kind === 'key.rotate') vkey = nextKeyOf(entry, note)
      notes += 1
    }
    tree.push(entry.hash)
  }
  return notes
}

/**
 * What must hold after anything: what was acknowledged is there, the files verify, the next start succeeds, and what
 * it appends verifies with the rest.
 */
export async function check(place: Place, acknowledged: readonly Receipt[]): Promise<void> {
  const entries = entriesOf(place)
  for (const { hash, seq } of acknowledged) {
    if (entries[seq]?.hash !== hash) throw new Error(`the acknowledged entry ${seq} is gone`)
  }
  checkNotes(entries)
  const found = await verifyLedger({ directory: place.directory })
  if (entries.length > 0 && found.exit !== 0 && found.exit !== 3) {
    throw new Error(`verify says ${JSON.stringify(found.findings)}`)
  }
  const world = new World(place)
  const bells = new Bells()
  const ledger = await opened(world, {
    ...signedOptions({ place, files: unsynced, bells, life: 2 }),
    verifyAll: true,
  })
  if (ledger instanceof Failure) throw new Error(`the next start refuses: ${ledger.message}`)
  const { hash, seq } = await world.decide(ledger, 1)
  await rest(bells)
  await ledger.close()
  const after = entriesOf(place)
  checkNotes(after)
  const decisions = after.filter(({ kind }) => kind === 'decision')
  const total = decisions.reduce((sum, { data }) => sum + Number(data['amount']), 0)
  if (world.state.count !== decisions.length || world.state.total !== total) {
    throw new Error('the state is not the fold of the entries')
  }
  if (after[seq]?.hash !== hash) throw new Error('the last decision is another one')
  const answer = await verifyLedger({ directory: place.directory })
  if (answer.exit !== 0) throw new Error(`verify says ${JSON.stringify(answer.findings)}`)
}
