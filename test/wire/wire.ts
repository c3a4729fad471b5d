/** One end of a connection that follows a script: sends, waits for what the other end does, and keeps all it hears. */
import type { Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type Filling, fill, type Script, type Step } from './case.ts'

/** What steps reach beyond their own connection. */
export interface Surroundings {
  readonly filling: Filling
  /** Whether an origin has seen this of the case. */
  seen(text: string): boolean
  /** Steps that only the one side knows; false where it does not. */
  special(step: Step, wire: Wire): Promise<boolean>
}

export class Wire {
  /** The connection as it came, and what is spoken on: TLS, once there was a handshake. */
  readonly raw: Socket
  #socket: Socket | TLSSocket
  /** All that was heard, as latin1; inside TLS once there is any. */
  heard = ''
  /** As heard before TLS began. */
  fate: 'open' | 'ended' | 'reset' = 'open'
  #from = 0
  #listeners = new Set<() => void>()
  readonly #surroundings: Surroundings

  constructor(socket: Socket, surroundings: Surroundings) {
    this.raw = socket
    this.#socket = socket
    this.#surroundings = surroundings
    socket.setNoDelay(true)
    socket.on('error', () => this.#ends('reset'))
    socket.on('close', () => this.#ends('reset'))
    socket.on('end', () => this.#ends('ended'))
    socket.on('data', this.#hear)
  }

  readonly #hear = (chunk: Buffer): void => {
    this.heard += chunk.toString('latin1')
    this.#tell()
  }

  #ends(fate: 'ended' | 'reset'): void {
    if (this.fate === 'open') this.fate = fate
    this.#tell()
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** Waits until this holds, the other end is gone, or the time is over. */
  async until(holds: () => boolean, signal: AbortSignal): Promise<boolean> {
    while (!holds()) {
      if (this.fate !== 'open' || signal.aborted) return false
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#listeners.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        this.#listeners.add(done)
        signal.addEventListener('abort', done)
      })
    }
    return true
  }

  /** Tells those who wait to look again, at something other than this connection. */
  look(): void {
    this.#tell()
  }

  async run(script: Script, signal: AbortSignal): Promise<void> {
    for (const step of script) {
      if (signal.aborted || (this.fate === 'reset' && !isAct(step, 'gone'))) return
      await this.#take(step, signal)
    }
  }

  async #take(step: Step, signal: AbortSignal): Promise<void> {
    if (typeof step === 'string') return await this.#write(this.#bytes(step))
    if (Buffer.isBuffer(step)) return await this.#write(step)
    if (await this.#surroundings.special(step, this)) return
    if ('pieces' in step) return await this.#writePieces(step, signal)
    if ('repeat' in step) return await this.#repeat(step, signal)
    if ('hear' in step) return await this.#waitFor(this.#fill(step.hear), signal)
    if ('seen' in step) {
      const text = this.#fill(step.seen)
      await this.until(() => this.#surroundings.seen(text), signal)
      return
    }
    if ('tls' in step) return await this.#handshake(step.tls, signal)
    if ('act' in step) return await this.#act(step.act, signal)
  }

  #fill(text: string): string {
    return fill(text, this.#surroundings.filling)
  }

  #bytes(part: string | Buffer): Buffer {
    return typeof part === 'string' ? Buffer.from(this.#fill(part), 'latin1') : part
  }

  #write(bytes: Buffer): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded) return Promise.resolve()
    return new Promise((resolve) => {
      // Closed before it was written out: nobody calls back then.
      this.#socket.once('close', resolve)
      this.#socket.write(bytes, () => {
        this.#socket.removeListener('close', resolve)
        resolve()
      })
    })
  }

  async #writePieces(
    step: { readonly pieces: string | Buffer; readonly size: number },
    signal: AbortSignal,
  ): Promise<void> {
    const bytes = this.#bytes(step.pieces)
    for (let at = 0; at < bytes.length && !signal.aborted; at += step.size) {
      await this.#write(bytes.subarray(at, at + step.size))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #repeat(
    step: { readonly repeat: string; readonly times: number },
    signal: AbortSignal,
  ): Promise<void> {
    const bytes = this.#bytes(step.repeat)
    const late = aborted(signal)
    for (let count = 0; count < step.times; count += 1) {
      if (signal.aborted || this.#socket.destroyed || this.fate !== 'open') return
      // A peer that does not read must not hold the script beyond its time.
      await Promise.race([this.#write(bytes), late])
    }
  }

  async #waitFor(text: string, signal: AbortSignal): Promise<void> {
    const found = await this.until(() => this.heard.includes(text, this.#from), signal)
    if (found) this.#from = this.heard.indexOf(text, this.#from) + text.length
  }

  async #handshake(servername: string, signal: AbortSignal): Promise<void> {
    this.raw.removeListener('data', this.#hear)
    const secure = connectTls({ socket: this.raw, servername, rejectUnauthorized: false })
    let ready = false
    secure.on('secureConnect', () => {
      ready = true
      this.#tell()
    })
    secure.on('error', () => this.#ends('reset'))
    secure.on('end', () => this.#ends('ended'))
    secure.on('data', this.#hear)
    this.#socket = secure
    await this.until(() => ready, signal)
  }

  async #act(act: string, signal: AbortSignal): Promise<void> {
    switch (act) {
      case 'end':
        this.#socket.end()
        return
      case 'reset':
        this.raw.resetAndDestroy()
        this.#ends('reset')
        return
      case 'pause':
        this.#socket.pause()
        return
      case 'resume':
        this.#socket.resume()
        return
      default:
        await this.until(() => false, signal)
    }
  }
}

const isAct = (step: Step, act: string): boolean =>
  typeof step === 'object' && 'act' in step && step.act === act

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
