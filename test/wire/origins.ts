/** The origins of the suite on loopback: each keeps what reaches it byte for byte, and answers as the case says. */
import { createHash } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { type Case, type Filling, markIn, type Script, type Step } from './case.ts'
import { type Message, readRequest, valuesOf } from './http-text.ts'
import { type Surroundings, Wire } from './wire.ts'

/**
 * plain  HTTP that the policy allows; tls the same inside TLS; shut is HTTP that it does not allow;
 * tcp    says nothing of its own, and gives back what it is told
 */
export const kinds = ['plain', 'shut', 'tls', 'tcp'] as const

type Kind = (typeof kinds)[number]

/** One connection as an origin saw it. */
export interface Line {
  readonly kind: Kind
  /** The case that was under way when the connection came. */
  readonly id: string
  /** All of its bytes, as latin1. */
  text: string
  /** Requests with the case that each belongs to: by its mark, or else by the time. */
  readonly requests: { readonly id: string; message: Message }[]
  /** Where the next request begins. */
  at: number
  /** It speaks WebSocket from here on. */
  switched: boolean
}

export interface Origins {
  readonly ports: Readonly<Record<Kind, number>>
  readonly lines: readonly Line[]
  /** From here on what comes belongs to this case, and is answered as it says. */
  begin(id: string, script: Case): void
  /** Lets the origins go on whose script waits for it. */
  cue(): void
  /** Calls back on whatever an origin hears. */
  listen(listener: () => void): void
  close(): Promise<void>
}

interface Certificate {
  readonly key: string
  readonly cert: string
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'

class Stage {
  readonly lines: Line[] = []
  readonly cases = new Map<string, Case>()
  readonly sockets = new Set<Socket>()
  readonly wires = new Set<Wire>()
  listener: () => void = () => {}
  current = ''
  cued = false

  accept(kind: Kind, socket: Socket): void {
    const line: Line = { kind, id: this.current, text: '', requests: [], at: 0, switched: false }
    this.lines.push(line)
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    const signal = closing(socket)
    const surroundings: Surroundings = {
      filling: {},
      seen: (text) => line.text.includes(text),
      special: (step, wire) => this.#special(line, step, { wire, signal }),
    }
    const wire = new Wire(socket, surroundings)
    this.wires.add(wire)
    socket.on('close', () => this.wires.delete(wire))
    socket.on('end', () => {
      if (this.cases.get(line.id)?.answer === undefined) socket.end()
    })
    socket.on('data', (chunk: Buffer) => {
      line.text += chunk.toString('latin1')
      if (kind === 'tcp') socket.write(chunk)
      else if (!line.switched) this.#read(line, wire, signal)
      wire.look()
      this.listener()
    })
  }

  /** Takes each request off the line, and answers it once. */
  #read(line: Line, wire: Wire, signal: AbortSignal): void {
    for (;;) {
      const read = readRequest(line.text, line.at)
      if (read === null) return
      const { message } = read
      const last = line.requests.at(-1)
      const begun = last !== undefined && !last.message.whole ? last : null
      const id = markIn(message.text) || this.current
      const script = this.cases.get(id)
      if (begun === null) line.requests.push({ id, message })
      else begun.message = message
      const early = script?.early === true
      if (early ? begun === null : message.whole) void answer(line, { wire, script, signal })
      if (!message.whole) {
        const expects = begun === null && valuesOf(message, 'expect').length > 0
        if (expects && !early) void wire.run(['HTTP/1.1 100 Continue\r\n\r\n'], signal)
        return
      }
      line.at = read.end
    }
  }

  async #special(
    line: Line,
    step: Step,
    { wire, signal }: { readonly wire: Wire; readonly signal: AbortSignal },
  ): Promise<boolean> {
    if (typeof step === 'object' && 'cue' in step) return await wire.until(() => this.cued, signal)
    if (typeof step !== 'object' || !('accept' in step)) return false
    const request = line.requests.at(-1)?.message
    if (request === undefined || valuesOf(request, 'upgrade').length === 0) {
      await wire.run([`${ok}ok`], signal)
      return true
    }
    line.switched = true
    const key = valuesOf(request, 'sec-websocket-key')[0] ?? ''
    const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
    const text = step.accept === 'right' ? `${key}${magic}` : 'something else'
    const accepted = createHash('sha1').update(text).digest('base64')
    const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    await wire.run([`${head}Sec-WebSocket-Accept: ${accepted}\r\n\r\n`], neverAborted)
    return true
  }
}

const neverAborted = new AbortController().signal

function closing(socket: Socket): AbortSignal {
  const controller = new AbortController()
  socket.on('close', () => controller.abort())
  return controller.signal
}

interface Answering {
  readonly wire: Wire
  readonly script: Case | undefined
  readonly signal: AbortSignal
}

async function answer(line: Line, { wire, script, signal }: Answering): Promise<void> {
  const isHead = line.requests.at(-1)?.message.startLine.startsWith('HEAD ') === true
  const steps: Script = script?.answer ?? [isHead ? ok : `${ok}ok`]
  await wire.run(steps, signal)
}

/** Starts every origin; 0 as the first port takes whichever are free. */
export async function startOrigins(firstPort: number, certificate: Certificate): Promise<Origins> {
  const stage = new Stage()
  const servers: Server[] = []
  const ports: Record<Kind, number> = { plain: 0, shut: 0, tls: 0, tcp: 0 }
  const secureContext = createSecureContext(certificate)
  for (const [at, kind] of kinds.entries()) {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined)
      if (kind !== 'tls') stage.accept(kind, socket)
      else stage.accept(kind, new TLSSocket(socket, { isServer: true, secureContext }))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(firstPort === 0 ? 0 : firstPort + at, '127.0.0.1', 1024, resolve)
    })
    ports[kind] = (server.address() as AddressInfo).port
    servers.push(server)
  }
  return {
    ports,
    lines: stage.lines,
    begin: (id, script) => {
      stage.current = id
      stage.cued = false
      stage.cases.set(id, script)
    },
    cue: () => {
      stage.cued = true
      for (const wire of stage.wires) wire.look()
    },
    listen: (listener) => {
      stage.listener = listener
    },
    close: async () => {
      for (const socket of stage.sockets) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
    },
  }
}

/** The names in braces of one case. */
export function fillingOf(id: string, ports: Origins['ports']): Filling {
  const texts = Object.entries(ports).map(([kind, port]) => [kind, String(port)])
  return { id, ...Object.fromEntries(texts), base: `http://localhost:${ports.plain}/${id}` }
}
