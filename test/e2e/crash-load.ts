/** A gate with a vault, clients that hammer it until it dies under them, and what they were answered while it lived. */
import { connect } from 'node:net'
import { join } from 'node:path'
import { askControl, type ControlAnswer } from '../../cli/control-client.ts'
import { settingsOf } from '../../cli/settings.ts'
import { type Gate, openGate, type Place } from '../cli/command.ts'
import { asRun } from './wire.ts'
import type { Teardown } from './world.ts'

export interface VaultGate extends Gate {
  ask(method: 'GET' | 'POST', path: string, body?: object): Promise<ControlAnswer>
}

/** Starts a gate that commits to each query, and keeps what opens the commitment. */
export async function openVaultGate(t: Teardown, place: Place): Promise<VaultGate> {
  const gate = await openGate(t, place, ['--agent', 'tester', '--vault', 'query'])
  const { directory } = place
  const files = { policy: join(directory, 'policies.yaml'), data: join(directory, 'data') }
  const settings = settingsOf({ control: gate.control, ...files }, {})
  const ask: VaultGate['ask'] = (method, path, body) =>
    askControl(settings, method, body === undefined ? { path } : { path, body })
  return { ...gate, ask }
}

/** Counts answers by status and reason, and tells one who waits for so many of them. */
export class Tally {
  readonly outcomes = new Map<string, number>()
  #left = 0
  #enough: (() => void) | null = null

  add(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    this.#left -= 1
    if (this.#left <= 0) this.#enough?.()
  }

  /** Resolves after so many answers more, or after a time. */
  async more(answers: number, waitMs: number): Promise<void> {
    this.#left = answers
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      this.#enough = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#enough = null
  }
}

const headEnd = '\r\n\r\n'

/** The first whole answer of these bytes, and where it ends; null while it is not whole. */
function answerIn(text: string): { readonly outcome: string; readonly end: number } | null {
  const end = text.indexOf(headEnd)
  if (end < 0) return null
  const head = text.slice(0, end)
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  const whole = end + headEnd.length + length
  if (text.length < whole) return null
  const reason = /\r\nhaltgate-reason: (\S+)/i.exec(head)?.[1] ?? ''
  return { outcome: `${head.slice(9, 12)} ${reason}`.trim(), end: whole }
}

/** Asks again as soon as it is answered, on one connection; resolves when that is gone. */
export function hammer(
  target: { readonly port: number; readonly url: string; readonly run: string },
  tally: Tally,
): Promise<void> {
  const { port, run, url } = target
  const { host } = new URL(url)
  const credentials = asRun('tester', run)['Proxy-Authorization']
  const request = `GET ${url} HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${credentials}\r\n\r\n`
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const answer = answerIn(text)
      if (answer === null) return
      text = text.slice(answer.end)
      tally.add(answer.outcome)
      socket.write(request)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
  })
}
