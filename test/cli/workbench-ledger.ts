/** A ledger of many decisions, written by the real gate and the real writer, for what reads ledgers. */
import { join } from 'node:path'
import { type GateWorld, settlement } from '../gate/world.ts'

const at = ['ok.example.com', 'slow.example.com', 'no.example.com', 'unknown.example.com'] as const

/** Decisions that are asked for at once. */
const batch = 100

/** As many decisions as asked: some agents, hosts and paths; a few of them refused. */
export async function decideMany(world: GateWorld, count: number): Promise<void> {
  for (let index = 0; index < count; index += batch) {
    const size = Math.min(batch, count - index)
    await Promise.all(Array.from({ length: size }, (_, more) => decideOne(world, index + more)))
    await world.clock.pass(1_000)
  }
  await world.quiet()
}

async function decideOne(world: GateWorld, index: number): Promise<void> {
  const host = at[index % 50 === 0 ? 2 : index % 51 === 0 ? 3 : index % 2] ?? 'ok.example.com'
  const { principal } = world.facts()
  const agent = index % 3 === 0 ? 'b' : 'a'
  const path = index % 5 === 0 ? `/items/${index}` : '/feed'
  const method = index % 7 === 0 ? 'POST' : 'GET'
  const who = { ...principal, agent, run: `r${index % 20}` }
  const answer = await world.admit({ host, method, path, principal: who })
  if (answer.refused) return
  answer.open(() => undefined)
  answer.settle({ ...settlement, actual: { bytes_down: 100, bytes_up: 10 } })
}

/** Where its data directory is, as commands take it. */
export const dataOf = (world: GateWorld): string => join(world.place.directory, '..')
