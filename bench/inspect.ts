/** Inside TLS: handshakes, kept-alive requests, a long body and the first event, through each proxy that inspects. */
import { connect as connectRaw, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { figure, median, type Section } from './figures.ts'
import type { Running } from './http.ts'
import { cpuSeconds, residentMib } from './process.ts'

export interface InspectOptions {
  /** Of the origin that speaks TLS. */
  readonly port: number
  readonly rounds: number
  readonly handshakes: number
  readonly requests: number
  readonly bulkBytes: number
}

interface Measured {
  readonly cached: number[]
  readonly fresh: number[]
  readonly kept: number[]
  readonly bulk: number[]
  readonly event: number[]
  residentMib: number
}

const concurrency = 16

/** A tunnel through a proxy, or straight to the origin where port is 0, with the client's TLS in it. */
function open(port: number, host: string, options: InspectOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const raw = connectRaw(port === 0 ? options.port : port, '127.0.0.1')
    raw.on('error', reject)
    const secure = (): void => {
      const socket = connectTls({ socket: raw, servername: host, rejectUnauthorized: false })
      socket.on('error', reject)
      socket.once('secureConnect', () => resolve(socket))
    }
    if (port === 0) raw.once('connect', secure)
    else establish(raw, `${host}:${options.port}`, { done: secure, failed: reject })
  })
}

function establish(
  raw: Socket,
  authority: string,
  then: { readonly done: () => void; readonly failed: (error: Error) => void },
): void {
  let head = ''
  const read = (part: Buffer): void => {
    head += part.toString('latin1')
    if (!head.includes('\r\n\r\n')) return
    raw.off('data', read)
    if (/^HTTP\/1\.[01] 200/.test(head)) then.done()
    else then.failed(new Error(head.slice(0, 200)))
  }
  raw.on('data', read)
  raw.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
}

/** One GET on an open connection; resolves with milliseconds to the first byte of the body. */
function get(socket: TLSSocket, path: string, options: InspectOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    let head = ''
    let left = -1
    let first = 0
    const take = (part: Buffer): void => {
      let body = part.length
      if (left < 0) {
        head += part.toString('latin1')
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        left = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 1)
        body = head.length - end - 4
      }
      if (first === 0 && body > 0) first = performance.now() - begun
      left -= body
      if (left > 0) return
      socket.off('data', take)
      socket.off('close', closed)
      resolve(first)
    }
    const closed = (): void => reject(new Error(`closed before the end: ${head.slice(0, 200)}`))
    socket.on('data', take)
    socket.once('close', closed)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${options.port}\r\n\r\n`)
  })
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

/** CPU-seconds of a process for a piece of work; a rate where `count` is given. */
async function perCpuSecond(pid: number, count: number, work: Promise<void>): Promise<number> {
  const before = cpuSeconds(pid)
  await work
  return count / (cpuSeconds(pid) - before)
}

async function measure(
  { peer, started }: Running,
  options: InspectOptions,
  round: number,
): Promise<{ readonly [Key in Exclude<keyof Measured, 'residentMib'>]: number }> {
  const { port } = peer
  const { pid } = started
  const { bulkBytes, handshakes, requests } = options
  const shake = async (host: string): Promise<void> => {
    const socket = await open(port, host, options)
    socket.destroy()
  }
  const cached = await perCpuSecond(
    pid,
    handshakes,
    inParallel(handshakes, () => shake('localhost')),
  )
  const many = Math.floor(handshakes / 4)
  const fresh = await perCpuSecond(
    pid,
    many,
    inParallel(many, (index) => shake(`h${round}-${index}.bench.test`)),
  )
  const sockets = await Promise.all(
    Array.from({ length: concurrency }, () => open(port, 'localhost', options)),
  )
  let sent = 0
  const all = sockets.map(async (socket) => {
    while (sent < requests) {
      sent += 1
      await get(socket, '/bench', options)
    }
  })
  const kept = await perCpuSecond(
    pid,
    requests,
    Promise.all(all).then(() => undefined),
  )
  const [socket] = sockets
  if (socket === undefined) throw new Error('there is a connection')
  const events: number[] = []
  for (let index = 0; index < 20; index += 1) events.push(await get(socket, '/event', options))
  const begun = performance.now()
  await get(socket, `/bytes/${bulkBytes}`, options)
  const bulk = bulkBytes / 2 ** 20 / ((performance.now() - begun) / 1000)
  for (const one of sockets) one.destroy()
  return { bulk, cached, event: median(events), fresh, kept }
}

export async function benchInspect(
  running: readonly Running[],
  options: InspectOptions,
): Promise<Section> {
  const straight = await open(0, 'localhost', options)
  const direct: number[] = []
  for (let index = 0; index < 20; index += 1) direct.push(await get(straight, '/event', options))
  straight.destroy()
  const rows: string[][] = []
  for (const one of running) {
    const measured: Measured = {
      ...{ bulk: [], cached: [], event: [], fresh: [], kept: [] },
      residentMib: 0,
    }
    for (let round = 0; round <= options.rounds; round += 1) {
      const found = await measure(one, options, round)
      measured.residentMib = Math.max(measured.residentMib, residentMib(one.started.pid))
      // Round 0 warms everything up and is not counted.
      if (round === 0) continue
      for (const key of ['bulk', 'cached', 'event', 'fresh', 'kept'] as const) {
        measured[key].push(found[key])
      }
    }
    rows.push([
      `${one.peer.name} ${one.peer.version}`,
      one.peer.record,
      figure(median(measured.cached)),
      figure(median(measured.fresh)),
      figure(median(measured.kept)),
      figure(median(measured.bulk)),
      figure(median(measured.event) - median(direct)),
      figure(measured.residentMib),
    ])
  }
  const heads = ['proxy', 'record', 'handshakes/CPU-s', 'fresh leaves/CPU-s', 'req/CPU-s']
  heads.push('MiB/s', 'first event added ms', 'RSS MiB')
  const gib = figure(options.bulkBytes / 2 ** 30)
  const note = `TLS on both sides; ${concurrency} connections; a body of ${gib} GiB. Goals: handshakes ≥ 6 × mitmproxy, requests ≥ 8 × mitmproxy.`
  return { title: 'Inspection', heads, rows, note }
}
