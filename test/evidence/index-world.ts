/** Ledgers with something to ask about: written by the real writer, and an index beside each. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { IndexDesk } from '../../evidence/index/desk.ts'
import type { EntryFilter } from '../../evidence/index/filter.ts'
import type { Ask, Hit } from '../../evidence/index/find.ts'
import type { Draft } from '../../ledger/entry.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { makePlace, type Place, World } from '../ledger/open-ledger.ts'

export const indexOf = (place: Place): string => join(place.directory, 'index.sqlite')

/** What one of many agents asked, and what became of it: two entries, or one where it was refused. */
export function call(index: number): readonly Draft[] {
  const actor = { agent: `agent${index % 3}`, run: `r${Math.floor(index / 7) % 4}` }
  const request = `request-${index}`
  const isRefused = index % 5 === 4
  const model = index % 4 === 0 ? { model: 'm-1' } : {}
  const why = isRefused ? { reasons: [{ code: 'rule-denied', id: 'shut' }] } : {}
  const data = {
    ...{ action: 'http.get', at: index, domain: 'general', host: `h${index % 4}.example.com` },
    ...{ kind: 'request', method: 'GET', ...model, path: `/items/${index}`, port: 443, ...why },
    ...{ request, rules: isRefused ? ['open', 'shut'] : ['open'], scheme: 'https' },
    verdict: isRefused ? 'deny' : 'allow',
  }
  const decision: Draft = { kind: 'decision', actor, data }
  if (isRefused) return [decision]
  const ended = {
    ...{
      actual: { cost_usd: 1_000 + index, tokens_in: 5, tokens_out: 7 },
      at: index,
      duration_ms: 3,
    },
    ...{ hashes: { prompt: 'aa', response: 'bb' }, outcome: 'settled', request },
    ...{ source: 'proxy', status: 200, usage_source: 'response' },
  }
  return [decision, { kind: 'settlement', actor, data: ended }]
}

export const halt: Draft = {
  kind: 'halt',
  actor: {},
  data: {
    at: 1,
    by: 'operator',
    cause: 'operator',
    reason: 'enough',
    scope: 'agent:agent1',
    verdict: 'allow',
  },
}

/** Appends calls, a second apart. */
export async function callMany(
  world: World,
  ledger: Ledger,
  from: number,
  count: number,
): Promise<void> {
  for (let index = from; index < from + count; index += 1) {
    world.clock.now += 1_000
    for (const draft of call(index)) await ledger.append(draft)
  }
}

/** A closed ledger of several segments. */
export async function called(t: Test, count = 60): Promise<World> {
  const place = makePlace()
  t.teardown(place.remove)
  const world = new World(place)
  const ledger = await world.open({ segmentBytesMax: 8_000 })
  await callMany(world, ledger, 0, count)
  await ledger.append(halt)
  await ledger.close()
  return world
}

/** An index of a place; another seed compares other rows. */
export function desk(t: Test, place: Place, seed = 1): IndexDesk {
  mkdirSync(place.directory, { recursive: true })
  const made = new IndexDesk({ directory: place.directory, databaseFile: indexOf(place), seed })
  t.teardown(() => made.close())
  return made
}

export const ask = (filter: EntryFilter = {}, more: Partial<Ask> = {}): Ask => ({
  ...{ filter, order: 'oldest', after: null, limit: 1_000, rowsMax: Number.POSITIVE_INFINITY },
  ...more,
})

export const seqsOf = (hits: readonly Hit[]): readonly number[] =>
  hits.map(({ entry }) => entry.seq)

/** All pages, one after the other. */
export async function all(index: IndexDesk, first: Ask): Promise<readonly number[]> {
  const seqs: number[] = []
  let { after } = first
  for (;;) {
    const page = await index.page({ ...first, after })
    seqs.push(...seqsOf(page.hits))
    if (page.after === null) return seqs
    after = page.after
  }
}
