/** A request and its response, as tests play them to what judges one body. */
import { EventEmitter } from 'node:events'
import type { ProxyContext } from '../../../proxy/context.ts'
import type { Desk } from '../../../proxy/desk.ts'
import type { RequestMessage, ResponseMessage } from '../../../proxy/h2/message.ts'
import type { Intake } from '../../../proxy/intake.ts'
import { defaultLimits, type Limits } from '../../../proxy/limits.ts'
import { blind, type Sight } from '../../../proxy/sight.ts'
import { VirtualClock } from '../../gate/clock.ts'

/** Bytes that the test emits: `data`, `end`. */
export class Playing extends EventEmitter {
  flows = false
  paused = 0

  pause(): this {
    this.flows = false
    this.paused += 1
    return this
  }

  resume(): this {
    this.flows = true
    return this
  }

  /** All of a body, and its end. */
  send(...pieces: readonly (Buffer | string)[]): void {
    for (const piece of pieces) this.emit('data', Buffer.from(piece))
    this.emit('end')
  }

  get heeded(): number {
    return this.listenerCount('data') + this.listenerCount('end')
  }
}

export class Responding extends EventEmitter {
  continues = 0

  writeContinue(): void {
    this.continues += 1
  }
}

export interface Scene {
  readonly desk: Desk
  readonly clock: VirtualClock
  readonly request: Playing
  readonly response: Responding
  readonly messages: { readonly request: RequestMessage; readonly response: ResponseMessage }
  readonly intake: Intake
}

export interface Asked {
  readonly method?: string
  readonly scheme?: 'http' | 'https'
  readonly query?: string
  readonly headers?: readonly string[]
  /** Null where it is chunked. */
  readonly length?: number | null
  readonly expects?: boolean
  readonly limits?: Partial<Limits>
  readonly sight?: Partial<Sight>
}

/** One request before a desk of its own. */
export function sceneOf(asked: Asked = {}): Scene {
  const { method = 'POST', scheme = 'http', query = '', headers = [], length = null } = asked
  const clock = new VirtualClock()
  const context = {
    limits: { ...defaultLimits, ...asked.limits },
    sight: { ...blind, ...asked.sight },
    after: (delayMs: number, callback: () => void) => clock.after(delayMs, callback),
    gate: { allows: () => true },
  } as unknown as ProxyContext
  const desk = { context, judging: 0 } as unknown as Desk
  const request = new Playing()
  const response = new Responding()
  const messages = { request, response } as unknown as Scene['messages']
  const target = { origin: `/v1${query === '' ? '' : `?${query}`}` }
  const facts = { id: 'r1', method, scheme, host: 'x', port: 80, path: '/v1', query }
  const head = { headers, length, lengthGiven: length !== null, expects: asked.expects === true }
  const intake = {
    ...{ ok: true, target, head },
    facts: { ...facts, kind: 'request', headers: {}, content: null },
  } as unknown as Intake
  return { desk, clock, request, response, messages, intake }
}
