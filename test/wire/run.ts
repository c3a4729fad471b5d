/** Runs the cases of the suite one after the other against one proxy, and judges them when all has come to rest. */
import type { Case, Topic } from './case.ts'
import { fill, markOf } from './case.ts'
import type { Gate } from './haltgate.ts'
import { type Evidence, judge } from './judge.ts'
import { fillingOf, type Origins } from './origins.ts'
import { accepts, type Heard, play, type Target } from './play.ts'

export interface Verdict {
  readonly topic: string
  readonly name: string
  readonly why: string
  readonly result: 'passed' | 'failed' | 'skipped'
  readonly problems: readonly string[]
  /** What is known to be wrong with haltgate here; empty where nothing is, and for peers. */
  readonly fault: string
  /** Why failing says little about this proxy; empty where it says what it says. */
  readonly unfair: string
  readonly ms: number
}

export interface Running {
  readonly proxy: Target
  readonly origins: Origins
  /** The gate itself where it runs in this process. */
  readonly gate: Gate | null
  /** Starts the proxy anew where it has ended; null where that is somebody else's to do. */
  readonly revive: (() => Promise<void>) | null
  /** Judged by what haltgate does exactly, too. */
  readonly exact: boolean
  readonly topics: readonly Topic[]
  /** Names of cases and topics that are run. */
  readonly only: RegExp
}

interface Played {
  readonly topic: string
  readonly script: Case
  readonly id: string
  readonly heard: Heard
  readonly ms: number
  /** The proxy took connections afterwards. */
  readonly alive: boolean
  /** The part of the ledger that grew meanwhile. */
  readonly from: number
  readonly to: number
}

export async function runSuite(running: Running): Promise<readonly Verdict[]> {
  const { topics, gate, only, origins } = running
  const played: Played[] = []
  const skipped = new Set<Case>()
  for (const { name: topic, cases } of topics) {
    for (const script of cases) {
      if (!only.test(`${topic}: ${script.name}`)) continue
      if (script.only === 'haltgate' && gate === null) skipped.add(script)
      else played.push(await playOne(running, { topic, script, id: markOf(played.length) }))
    }
  }
  await rest(origins)
  const ledger = gate === null ? null : attribute(gate, played)
  const verdicts = played.map((one) => verdictOf(running, one, ledger?.get(one.id) ?? null))
  const passed = new Map(verdicts.map((verdict) => [`${verdict.topic}: ${verdict.name}`, verdict]))
  return topics.flatMap(({ name: topic, cases }) =>
    cases.flatMap((script) => {
      const verdict = passed.get(`${topic}: ${script.name}`)
      if (verdict !== undefined) return [verdict]
      if (!skipped.has(script)) return []
      const { name, why } = script
      return [
        {
          topic,
          name,
          why,
          result: 'skipped' as const,
          problems: [],
          fault: '',
          unfair: '',
          ms: 0,
        },
      ]
    }),
  )
}

async function playOne(
  { proxy, gate, origins, revive }: Running,
  { topic, script, id }: { readonly topic: string; readonly script: Case; readonly id: string },
): Promise<Played> {
  const from = gate?.mark() ?? 0
  const first = origins.lines.length
  const auth = Buffer.from(`tester+${id}:`).toString('base64')
  const wrapped = String(origins.ports.plain + 65_536)
  const filling = { ...fillingOf(id, origins.ports), auth, wrapped }
  origins.begin(id, script)
  gate?.names({ ...script, names: filledNames(script, filling) })
  const begun = performance.now()
  const heard = await play(script, {
    ...{ proxy, filling },
    seen: (text) => {
      return origins.lines.some((line, at) => {
        return (at >= first || line.text.includes(id)) && line.text.includes(text)
      })
    },
    listen: (listener) => origins.listen(listener),
    cue: () => origins.cue(),
    halt: async (scope) => await gate?.halt(scope),
  })
  const ms = performance.now() - begun
  const alive = gate !== null || (await accepts(proxy))
  // A proxy that is gone would pass every case that asks for a refusal.
  if (!alive && revive === null) throw new Error(`no proxy answers after ${topic}: ${script.name}`)
  if (!alive) await revive?.()
  return { topic, script, id, heard, ms, alive, from, to: gate?.mark() ?? 0 }
}

function filledNames(
  { names = {} }: Case,
  filling: Readonly<Record<string, string>>,
): NonNullable<Case['names']> {
  const filled = Object.entries(names).map(([name, lists]) => [fill(name, filling), lists] as const)
  return Object.fromEntries(filled)
}

/** For what is under way between the proxy and an origin when the last client has left. */
const restMs = 200

function rest(origins: Origins): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, restMs)
    origins.listen(() => timer.refresh())
  })
}

/** Decisions belong to the case during which they were written, and settlements to the case of their request. */
function attribute(gate: Gate, played: readonly Played[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>(played.map(({ id }) => [id, []]))
  const owners = new Map<string, string>()
  for (const { at, mark, request, text } of gate.entries()) {
    const during = played.find(({ from, to }) => at >= from && at < to)?.id
    const owner = owners.get(request) ?? (mark === '' ? during : mark)
    if (owner === undefined) continue
    if (request !== '') owners.set(request, owner)
    found.get(owner)?.push(text)
  }
  return found
}

function verdictOf(
  running: Running,
  { topic, script, id, heard, ms, alive }: Played,
  entries: readonly string[] | null,
): Verdict {
  const { origins, exact } = running
  const { plain, tls } = origins.ports
  const hosts = [`localhost:${plain}`, `localhost:${tls}`, `localhost.:${plain}`]
  hosts.push(...Object.keys(script.names ?? {}).map((name) => `${fill(name, { id })}:${plain}`))
  const evidence: Evidence = { id, heard, lines: origins.lines, entries, hosts, exact }
  const problems = [...(alive ? [] : ['the proxy ended']), ...judge(script, evidence)]
  const { name, why, unfair = '' } = script
  const result = problems.length === 0 ? 'passed' : 'failed'
  const fault = exact ? (script.haltgate?.fault ?? '') : ''
  return { topic, name, why, result, problems, fault, unfair: exact || !alive ? '' : unfair, ms }
}
