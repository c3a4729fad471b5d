/** Plays one case against a proxy: the client's script on a connection of its own, until it is clear what came of it. */
import { connect, type Socket } from 'node:net'
import type { Case, Filling, Step } from './case.ts'
import { fill } from './case.ts'
import { readAnswer } from './http-text.ts'
import { Wire } from './wire.ts'

export interface Target {
  readonly host: string
  readonly port: number
}

export interface Playing {
  readonly proxy: Target
  readonly filling: Filling
  /** Whether an origin has seen this since the case began. */
  seen(text: string): boolean
  /** Calls back on whatever an origin hears. */
  listen(listener: () => void): void
  halt(scope: string): Promise<void>
  /** Lets the origin go on. */
  cue(): void
}

/** What the client found out. */
export interface Heard {
  readonly text: string
  readonly answers: readonly Answer[]
  /** How the proxy left the connection, before the client closed its own side of it. */
  readonly fate: 'open' | 'ended' | 'reset'
  /** Statuses that a crowd was answered with; 0 for none. */
  readonly crowd: readonly number[]
}

export interface Answer {
  readonly status: number
  readonly whole: boolean
  readonly text: string
  /** What another reader could take otherwise. */
  readonly faults: readonly string[]
}

const patienceMsDefault = 2_500
/** For what may still come once there is an answer, or once the client has half-closed. */
const closingMs = 300

/** A closed connection, or an answer, is awaited; nothing is slept for. */
export async function play(script: Case, playing: Playing): Promise<Heard> {
  const extras: Socket[] = []
  const crowd: number[] = []
  // A crowd comes first, so that the case's own connection does not grow old meanwhile.
  const [first = '', ...others] = script.send
  const crowded = typeof first === 'object' && 'crowd' in first
  if (crowded) crowd.push(...(await gather(first, { playing, extras })))
  const socket = connect({ ...playing.proxy, allowHalfOpen: true })
  const special = async (step: Step): Promise<boolean> => {
    if (typeof step !== 'object') return false
    if ('halt' in step) await playing.halt(fill(step.halt, playing.filling))
    else if ('cue' in step) playing.cue()
    else return false
    return true
  }
  const wire = new Wire(socket, { filling: playing.filling, seen: playing.seen, special })
  playing.listen(() => wire.look())
  const isHead = script.send.some((step) => typeof step === 'string' && step.startsWith('HEAD '))
  const read = (): readonly Answer[] => answersOf(wire.heard, wire.fate === 'open', isHead)
  const { answers: most = 1 } = script.expect
  const answered = (count: number) => (): boolean => {
    const answers = read()
    return answers.length >= count && answers.every(({ whole }) => whole)
  }
  const patience = AbortSignal.timeout(script.patienceMs ?? patienceMsDefault)
  await wire.run(crowded ? others : script.send, patience)
  await wire.until(answered(1), patience)
  if (most > 1) await wire.until(answered(most), AbortSignal.timeout(closingMs))
  if (script.expect.closes === true) await wire.until(() => false, patience)
  const { fate } = wire
  // What the proxy has still to say, it says now: an answer too many, for one.
  socket.end()
  if (most > 1 || script.expect.outcome !== 'served') {
    await wire.until(() => false, AbortSignal.timeout(closingMs))
  }
  const answers = read()
  for (const one of [socket, ...extras]) one.destroy()
  playing.listen(() => {})
  return { text: wire.heard, answers, fate, crowd }
}

/** The final answers in what a client heard; behind a 101 or the answer to a CONNECT there are none. */
function answersOf(text: string, open: boolean, isHead: boolean): readonly Answer[] {
  const answers: Answer[] = []
  for (let at = 0; at < text.length; ) {
    const read = readAnswer(text, at, { open, head: isHead })
    if (read === null) {
      if (!open) answers.push({ status: 0, whole: false, text: text.slice(at), faults: [] })
      break
    }
    const { end, message, status } = read
    const switches = status === 101 || (status === 200 && /established/i.test(message.startLine))
    if (status >= 200 || switches || status === 0) {
      const { faults } = message
      answers.push({ status, whole: message.whole || switches, text: message.text, faults })
    }
    if (switches || end <= at) break
    at = end
  }
  return answers
}

interface Gathering {
  readonly playing: Playing
  readonly extras: Socket[]
}

/** Opens a crowd of connections at once; where they are held, they stay until the case is over. */
async function gather(
  step: Extract<Step, { crowd: number }>,
  { playing, extras }: Gathering,
): Promise<readonly number[]> {
  const bytes = Buffer.from(fill(step.text, playing.filling), 'latin1')
  const one = (): Promise<number> =>
    new Promise((resolve) => {
      const socket = connect(playing.proxy)
      extras.push(socket)
      let text = ''
      socket.on('error', () => resolve(0))
      socket.on('close', () => resolve(statusOf(text)))
      socket.on('connect', () => {
        socket.write(bytes)
        if (step.held === true) resolve(0)
      })
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (text.includes('\r\n\r\n')) resolve(statusOf(text))
      })
    })
  return await Promise.all(Array.from({ length: step.crowd }, one))
}

const statusOf = (text: string): number => Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0)

/** Whether anything takes connections there. */
export function accepts(target: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(target)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
