/** A ledger in a directory of its own with a clock and chance that the test holds, and a state to fold. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Draft, Entry } from '../../ledger/entry.ts'
import { Ledger, type LedgerOptions } from '../../ledger/ledger.ts'

/** 2026-11-21T12:00:00.000Z. */
export const noon = Date.UTC(2026, 10, 21, 12)

/** What the tests' state is: how many decisions there were, the sum of what they said, and the last one's seq. */
export interface Sum {
  count: number
  total: number
}

/** A place for one ledger; `remove` takes it away. */
export interface Place {
  readonly data: string
  readonly directory: string
  readonly lockFile: string
  remove(): void
}

/** On the disk of the project, since /tmp may be a tmpfs, on which no ledger is opened. */
export function makePlace(): Place {
  const data = mkdtempSync(join(process.env['HALTGATE_TEST_DISK'] ?? tmpdir(), 'haltgate-ledger-'))
  return {
    data,
    directory: join(data, 'ledger'),
    lockFile: join(data, 'ledger.lock'),
    remove: () => rmSync(data, { recursive: true, force: true }),
  }
}

/** The world of one ledger. `clock.now` moves only where the test moves it. */
export class World {
  readonly place: Place
  readonly clock = { now: noon }
  readonly state: Sum = { count: 0, total: 0 }
  readonly folded: Entry[] = []
  readonly restored: (string | null)[] = []
  #drawn = 0

  constructor(place: Place) {
    this.place = place
  }

  options(more: Partial<LedgerOptions> = {}): LedgerOptions {
    const { directory, lockFile } = this.place
    return {
      directory,
      lockFile,
      origin: 'haltgate.example/log',
      createdBy: 'haltgate/0.0.0',
      durability: 'group',
      runtime: 'v20.20.2',
      freeBytesMin: 0,
      anyFilesystem: true,
      now: () => this.clock.now,
      random: (bytes) => this.#random(bytes),
      restore: (snapshot) => {
        this.restored.push(snapshot)
        const { count, total } = JSON.parse(snapshot ?? '{"count":0,"total":0}') as Sum
        Object.assign(this.state, { count, total })
        this.folded.length = 0
      },
      fold: (entry) => {
        this.folded.push(entry)
        if (entry.kind === 'decision') this.#add(Number(entry.data['amount']))
      },
      snapshot: () => JSON.stringify(this.state),
      ...more,
    }
  }

  open(more: Partial<LedgerOptions> = {}): Promise<Ledger> {
    return Ledger.open(this.options(more))
  }

  /** Changes the state and appends what changed it, in one turn, as the gate does. */
  decide(ledger: Ledger, amount: number): ReturnType<Ledger['append']> {
    this.#add(amount)
    return ledger.append(decision(amount))
  }

  /** The same for what nothing stands still for. */
  note(ledger: Ledger, amount: number): ReturnType<Ledger['note']> {
    this.#add(amount)
    return ledger.note(decision(amount))
  }

  #add(amount: number): void {
    this.state.count += 1
    this.state.total += amount
  }

  #random(bytes: number): Buffer {
    this.#drawn += 1
    return createHash('sha512').update(String(this.#drawn)).digest().subarray(0, bytes)
  }
}

export function decision(amount: number): Draft {
  return {
    kind: 'decision',
    actor: { agent: 'worker', run: 'default' },
    data: { amount, host: 'api.example.com', verdict: 'allow' },
  }
}

/** Names of the segments, ascending. */
export function segments(place: Place): string[] {
  if (!existsSync(place.directory)) return []
  return readdirSync(place.directory)
    .filter((name) => /^ledger-.*\.jsonl$/.test(name))
    .sort()
}

/** Every whole valid line, read without the ledger's code: hashes, chain and seq are checked on the way. */
export function entriesOf(place: Place): Entry[] {
  const entries: Entry[] = []
  for (const name of segments(place)) {
    const text = readFileSync(join(place.directory, name), 'latin1')
    for (const line of text.split('\n').slice(0, -1)) {
      const body = Buffer.from(`${line.slice(0, -75)}}`, 'latin1')
      const hash = createHash('sha256').update(Buffer.of(0)).update(body).digest('hex')
      // What a crash left half written is no entry.
      if (line.slice(-66, -2) !== hash) continue
      const entry = { ...(JSON.parse(body.toString()) as Entry), hash }
      const last = entries.at(-1)
      if (entry.seq !== entries.length || entry.prev !== (last?.hash ?? '0'.repeat(64))) {
        throw new Error(`${name}: seq ${entry.seq} does not follow ${String(last?.seq)}`)
      }
      entries.push(entry)
    }
  }
  return entries
}
