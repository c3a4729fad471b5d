/** Ledgers that lie on the disk: made, copied, altered, and opened to hear what a start says. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Failure } from '../../kernel/reasons.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import type { LedgerOptions } from '../../ledger/ledger.ts'
import { formatLine } from '../../ledger/line.ts'
import { makePlace, noon, type Place, segments, World } from './open-ledger.ts'

export const unavailable = { code: 'ledger-unavailable' }

/** A disk that forgets to sync: for tests of what is there, not of what stays. */
export const unsynced: Files = { ...realFiles, sync: async () => {}, syncDirectory: async () => {} }

export function begin(t: Test): World {
  const place = makePlace()
  t.teardown(place.remove)
  return new World(place)
}

/** A ledger of several segments, closed in order. */
export async function filled(t: Test, entries = 40): Promise<World> {
  const world = begin(t)
  const ledger = await world.open({ segmentBytesMax: 5_000 })
  for (let index = 0; index < entries; index += 1) await world.decide(ledger, index)
  await ledger.close()
  return world
}

/** The same files in a place of their own. */
export function copyOf(t: Test, place: Place): Place {
  const copy = makePlace()
  t.teardown(copy.remove)
  if (!existsSync(place.directory)) return copy
  mkdirSync(copy.directory, { mode: 0o700 })
  for (const name of readdirSync(place.directory)) {
    copyFileSync(join(place.directory, name), join(copy.directory, name))
  }
  return copy
}

export function pathOf(place: Place, index: number): string {
  return join(place.directory, segments(place).at(index) ?? '')
}

export function linesOf(path: string): Buffer[] {
  return readFileSync(path, 'latin1')
    .split(/(?<=\n)/)
    .map((line) => Buffer.from(line, 'latin1'))
}

export async function refusal(place: Place, more: Partial<LedgerOptions> = {}): Promise<string> {
  const opened = new World(place).open(more)
  const ledger = await opened.catch((error: unknown) => error)
  if (ledger instanceof Failure) {
    // A second attempt finds the same: the first one changed nothing, and gave the lock back.
    const again = await new World(place).open(more).catch((error: unknown) => error)
    return again instanceof Failure && again.message === ledger.message
      ? ledger.message
      : 'unstable'
  }
  await (await opened).close()
  return 'opened'
}

export function flip(path: string, at = Math.floor(statSync(path).size / 2)): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

export function edit(path: string, change: (lines: Buffer[]) => (Buffer | undefined)[]): void {
  const lines = change(linesOf(path)).filter((line) => line !== undefined)
  writeFileSync(path, Buffer.concat(lines))
}

/** Adds an entry that is valid by itself and differs in something from the one that should follow. */
export function forge(path: string, change: object): void {
  const last = JSON.parse(linesOf(path).at(-1)?.toString() ?? '') as { seq: number; hash: string }
  const next = {
    actor: {},
    boot: '01M7Y7GCHPWMGXEHM4FYR2V7XA',
    data: {},
    kind: 'decision',
    prev: last.hash,
    seq: last.seq + 1,
    ts: new Date(noon).toISOString(),
    ...change,
  }
  writeFileSync(path, formatLine(next).line, { flag: 'a' })
}
