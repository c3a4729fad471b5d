/** Plain HTTP through each proxy in turn, in interleaved rounds: CPU, latency, memory. */
import { figure, median, type Section } from './figures.ts'
import type { Peer, Ports } from './peers.ts'
import { cpuSeconds, residentMib, type Started } from './process.ts'
import { load } from './wrk.ts'

export interface Running {
  readonly peer: Peer
  readonly started: Started
  readonly idleMib: number
}

export interface HttpOptions {
  readonly directory: string
  readonly ports: Ports
  readonly rounds: number
  readonly seconds: number
}

interface Measured {
  readonly perCpuSecond: number[]
  readonly rate: number[]
  readonly p50One: number[]
  readonly p50: number[]
  readonly p99: number[]
  loadedMib: number
  errors: number
}

const connections = 64

/** V8 takes this long to compile what is hot; C does not need it, and loses nothing by it. */
const warmSeconds = 8

export async function benchHttp(
  running: readonly Running[],
  options: HttpOptions,
): Promise<Section> {
  const { directory, ports, rounds, seconds } = options
  const host = `localhost:${ports.http}`
  const target = `http://${host}/bench`
  const all = new Map<string, Measured>()
  const names = ['direct', ...running.map(({ peer }) => peer.name)]
  for (const name of names) {
    all.set(name, {
      perCpuSecond: [],
      rate: [],
      p50One: [],
      p50: [],
      p99: [],
      loadedMib: 0,
      errors: 0,
    })
  }
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of names) {
      const proxy = running.find(({ peer }) => peer.name === name)
      const port = proxy?.peer.port ?? ports.http
      const pid = proxy?.started.pid ?? 0
      const common = { directory, port, target: proxy === undefined ? '/bench' : target, host }
      const one = await load({
        ...common,
        connections: 1,
        seconds: Math.max(1, Math.floor(seconds / 2)),
      })
      const before = pid === 0 ? 0 : cpuSeconds(pid)
      const many = await load({
        ...common,
        connections,
        seconds: round === 0 ? warmSeconds : seconds,
      })
      const used = pid === 0 ? Number.NaN : cpuSeconds(pid) - before
      const measured = all.get(name)
      // Round 0 warms everything up and is not counted.
      if (measured === undefined || round === 0) continue
      measured.perCpuSecond.push(many.requests / used)
      measured.rate.push(many.requests / many.seconds)
      measured.p50One.push(one.p50Ms)
      measured.p50.push(many.p50Ms)
      measured.p99.push(many.p99Ms)
      measured.errors += many.errors + one.errors
      if (pid !== 0) measured.loadedMib = Math.max(measured.loadedMib, residentMib(pid))
    }
  }
  return section(running, all, names)
}

function section(
  running: readonly Running[],
  all: ReadonlyMap<string, Measured>,
  names: readonly string[],
): Section {
  const squid = median(all.get('squid')?.perCpuSecond ?? [])
  const direct = median(all.get('direct')?.p50One ?? [])
  const rows = names.map((name) => {
    const proxy = running.find(({ peer }) => peer.name === name)
    const measured = all.get(name)
    if (measured === undefined) return [name]
    const perCpu = median(measured.perCpuSecond)
    return [
      proxy === undefined ? name : `${name} ${proxy.peer.version}`,
      proxy?.peer.record ?? '',
      figure(perCpu),
      figure(perCpu / squid),
      figure(median(measured.rate)),
      figure(median(measured.p50One) - direct),
      figure(median(measured.p50)),
      figure(median(measured.p99)),
      proxy === undefined ? '' : figure(proxy.idleMib),
      proxy === undefined ? '' : figure(measured.loadedMib),
      proxy === undefined ? '' : figure(proxy.started.readyMs),
      String(measured.errors),
    ]
  })
  const heads = ['proxy', 'record', 'req/CPU-s', '÷ squid', 'req/s', 'p50 added, 1 conn ms']
  heads.push(
    'p50, 64 conn ms',
    'p99, 64 conn ms',
    'RSS idle MiB',
    'RSS loaded',
    'start ms',
    'errors',
  )
  const note =
    'GET of 1 KiB over kept-alive connections; medians of interleaved rounds. Goal: ≥ 0.75 × squid a CPU-second.'
  return { title: 'Plain HTTP', heads, rows, note }
}
