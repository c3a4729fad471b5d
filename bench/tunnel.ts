/** CONNECT through each proxy: set-ups a CPU-second, and bulk bytes a second through one tunnel. */
import { connect as connectRaw, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { figure, median, type Section } from './figures.ts'
import type { Running } from './http.ts'
import type { Ports } from './peers.ts'
import { cpuSeconds } from './process.ts'

export interface TunnelOptions {
  readonly ports: Ports
  readonly rounds: number
  readonly setups: number
  readonly bulkBytes: number
}

const concurrency = 16

/** A real ClientHello for a name, as Node's TLS writes it. */
export async function clientHello(servername: string): Promise<Buffer> {
  const written = new PassThrough()
  const pipe = Duplex.from({ readable: new PassThrough(), writable: written })
  const tls = connectTls({ socket: pipe, servername })
  tls.on('error', () => undefined)
  const hello = await new Promise<Buffer>((resolve) => written.once('data', resolve))
  tls.destroy()
  return hello
}

/** Opens a tunnel, sends the hello and the number of bytes wanted, reads them all. */
function through(port: number, ports: Ports, first: Buffer, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const authority = `localhost:${ports.raw}`
    const socket: Socket = connectRaw(port, '127.0.0.1')
    let opened = false
    let received = 0
    let head = ''
    socket.on('connect', () => {
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
    })
    socket.on('data', (part: Buffer) => {
      if (opened) {
        received += part.length
        if (received >= bytes) {
          socket.destroy()
          resolve()
        }
        return
      }
      head += part.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      if (!/^HTTP\/1\.[01] 200/.test(head)) {
        socket.destroy()
        reject(new Error(head.slice(0, 200)))
        return
      }
      opened = true
      const wanted = Buffer.alloc(8)
      wanted.writeBigUInt64BE(BigInt(bytes))
      socket.write(Buffer.concat([first, wanted]))
    })
    socket.on('error', reject)
    socket.on('close', () => (received >= bytes ? resolve() : reject(new Error('closed early'))))
  })
}

async function setups(port: number, options: TunnelOptions, hello: Buffer): Promise<void> {
  let left = options.setups
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await through(port, options.ports, hello, 64)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

export async function benchTunnel(
  running: readonly Running[],
  options: TunnelOptions,
): Promise<Section> {
  const hello = await clientHello('localhost')
  const figures = new Map<
    string,
    { setup: number[]; bulk: number[]; cpu: number[]; error: string }
  >()
  for (const { peer } of running)
    figures.set(peer.name, { setup: [], bulk: [], cpu: [], error: '' })
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const { peer, started } of running) {
      const measured = figures.get(peer.name)
      if (measured === undefined || measured.error !== '') continue
      try {
        const before = cpuSeconds(started.pid)
        await setups(peer.port, options, hello)
        const used = cpuSeconds(started.pid) - before
        const bulkBefore = cpuSeconds(started.pid)
        const begun = performance.now()
        await through(peer.port, options.ports, hello, options.bulkBytes)
        const seconds = (performance.now() - begun) / 1000
        const bulkUsed = cpuSeconds(started.pid) - bulkBefore
        if (round === 0) continue
        measured.setup.push(options.setups / used)
        measured.bulk.push(options.bulkBytes / seconds / 1e6)
        measured.cpu.push(options.bulkBytes / bulkUsed / 1e6)
      } catch (error) {
        measured.error =
          error instanceof Error ? (error.message.split('\r\n')[0] ?? '') : String(error)
      }
    }
  }
  const squid = figures.get('squid')
  const [squidSetup, squidBulk] = [median(squid?.setup ?? []), median(squid?.bulk ?? [])]
  const rows = running.map(({ peer }) => {
    const measured = figures.get(peer.name)
    if (measured === undefined || measured.error !== '') return [peer.name, measured?.error ?? '']
    const [setup, bulk] = [median(measured.setup), median(measured.bulk)]
    const ratio = [figure(setup / squidSetup), figure(bulk), figure(bulk / squidBulk)]
    return [peer.name, figure(setup), ...ratio, figure(median(measured.cpu))]
  })
  const heads = ['proxy', 'set-ups/CPU-s', '÷ squid', 'bulk MB/s', '÷ squid', 'bulk MB/CPU-s']
  const note =
    'CONNECT, a real ClientHello, then raw bytes. Goals: set-ups ≥ 0.65 × squid, bulk ≥ 0.85 × squid.'
  return { title: 'CONNECT', heads, rows, note }
}
