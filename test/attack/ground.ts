/** A real gate with real traffic over three days: its data directory, what was kept elsewhere, and what a thief may have. */
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../cli/clock.ts'
import { openLog } from '../../cli/log.ts'
import { layoutOf, type Settings, settingsOf } from '../../cli/settings.ts'
import { openWorld } from '../../cli/world.ts'
import { Bucket } from '../../evidence/anchor/bucket.ts'
import { namesOf } from '../../evidence/anchor/names.ts'
import type { DurableCheckpoint } from '../../ledger/checkpoint.ts'
import { realAfter } from '../../ledger/deadline.ts'
import { S3Store } from '../evidence/s3/server.ts'
import { entriesIn } from './forge.ts'

export const origin = 'gate.example.com/ledger'
export const storeText = 's3://anchors/gates'

const dayMs = 86_400_000

/** Requests in a day; every fifth is refused, and the others have a query that the vault keeps. */
const requests = 25

export interface Ground {
  /** Removed at the end; everything lies in it. */
  readonly place: string
  /** The data directory after three days. */
  readonly data: string
  /** The same after one and two days. */
  readonly older: readonly string[]
  /** What another gate made of the copy of two days: the same log, another third day. */
  readonly forked: string
  /** Another log of the same name. */
  readonly foreign: string
  /** First key, as an auditor pinned it at the beginning. */
  readonly vkey: string
  /** Last entry after three days, as an auditor wrote it down. */
  readonly head: { readonly seq: number; readonly hash: string }
  readonly store: S3Store
  readonly environment: Readonly<Record<string, string>>
  close(): Promise<void>
}

interface Days {
  readonly directory: string
  readonly port: number
  readonly checkpoints: DurableCheckpoint[]
}

/** Lets a gate run through one day: a quarter of a minute of it, with traffic. */
async function live(days: Days, ago: number): Promise<void> {
  const settings = settingsIn(days.directory)
  const now = (): number => systemClock.now() - ago * dayMs
  const world = await openWorld({
    settings,
    log: openLog('silent'),
    onSeal: ({ message }) => {
      throw new Error(message)
    },
    clock: { ...systemClock, now },
    heartbeat: (checkpoint) => days.checkpoints.push(checkpoint),
  })
  for (let index = 0; index < requests; index += 1) {
    const path = index % 5 === 4 ? '/secret' : `/page/${index}?q=${index}`
    await ask(world.proxy.port, `http://localhost:${days.port}${path}`)
  }
  await world.close()
}

function settingsIn(directory: string): Settings {
  return settingsOf(
    {
      vault: 'query',
      ...{ listen: '127.0.0.1:0', control: '127.0.0.1:0', logLevel: 'silent', agent: 'tester' },
      ...{ policy: join(directory, 'policies.yaml'), data: join(directory, 'data') },
      ...{ anyFilesystem: true, origin },
    },
    {},
  )
}

function ask(port: number, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const { host } = new URL(url)
    const asked = httpRequest({ host: '127.0.0.1', port, path: url, headers: { host } })
    asked.on('error', reject)
    asked.on('response', (response) => response.on('end', resolve).resume())
    asked.end()
  })
}

const policyOf = (port: number): string => `version: 1
defaults: { verdict: deny, tls: tunnel }
agents: { tester: { tenant: acme, project: lab } }
rules:
  - { id: origin, hosts: [localhost], ports: [${port}], addresses: [127.0.0.0/8, "::1/128"], effect: allow }
  - { id: secrets, hosts: [localhost], ports: [${port}], paths: [/secret], effect: deny }
`

/** Plays the three days, the fork and the other log, and anchors what the first one published. */
export async function openGround(): Promise<Ground> {
  const place = mkdtempSync(join(tmpdir(), 'haltgate-attack-'))
  const server = createServer((_, response) => response.end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const begin = (name: string): Days => {
    const directory = join(place, name)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'policies.yaml'), policyOf(port))
    return { directory, port, checkpoints: [] }
  }
  const [own, fork, foreign] = [begin('own'), begin('fork'), begin('foreign')]
  const data = join(own.directory, 'data')
  const older = [join(place, 'after-1'), join(place, 'after-2')]
  for (const [index, copy] of older.entries()) {
    await live(own, 2 - index)
    cpSync(data, copy, { recursive: true })
  }
  await live(own, 0)
  cpSync(older[1] ?? '', join(fork.directory, 'data'), { recursive: true })
  await live(fork, 0)
  await live(foreign, 0)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  const store = await S3Store.open({ now: () => systemClock.now(), objectLock: true })
  await anchor(store, own.checkpoints)
  const entries = entriesIn(layoutOf(data).ledger)
  const last = entries.at(-1)
  return {
    ...{ place, data, older, store, environment: store.environment },
    forked: join(fork.directory, 'data'),
    foreign: join(foreign.directory, 'data'),
    vkey: String(entries[0]?.data['vkey']),
    head: { seq: last?.seq ?? 0, hash: hashOf(last) },
    close: async () => {
      await store.close()
      rmSync(place, { recursive: true, force: true })
    },
  }
}

const hashOf = (entry: object | undefined): string =>
  entry !== undefined && 'hash' in entry ? String(entry.hash) : ''

/** Puts each checkpoint into its slot, as the gate's anchorer does. */
async function anchor(store: S3Store, checkpoints: readonly DurableCheckpoint[]): Promise<void> {
  const clock = { now: systemClock.now, after: realAfter }
  const bucket = Bucket.at(storeText, store.environment, clock)
  const names = namesOf(bucket.prefix, origin)
  for (const [slot, { note }] of checkpoints.entries()) {
    const body = Buffer.from(note)
    const kept = await bucket.put({
      ...{ key: names.slot(slot), body, type: 'text/plain' },
      md5: createHash('md5').update(body).digest('base64'),
      sha256: createHash('sha256').update(body).digest('hex'),
      heldUntil: systemClock.now() + 400 * dayMs,
    })
    if (!kept) throw new Error(`slot ${slot} was taken`)
  }
}

/** A copy of a data directory to do harm to. */
export function copyOf(ground: Ground, name: string, from = ground.data): string {
  const copy = join(ground.place, `copy-${name}`)
  rmSync(copy, { recursive: true, force: true })
  cpSync(from, copy, { recursive: true })
  return copy
}
