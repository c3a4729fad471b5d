/** Ways out of a machine, each tried once and bounded in time: what answers is a way around the gate. */
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { connect, isIPv6 } from 'node:net'

/** What came of trying a way. `open` is one that something answered on. */
export interface Tried {
  readonly state: 'open' | 'closed' | 'skipped'
  /** What was seen, in a few words. */
  readonly seen: string
}

export interface Target {
  readonly host: string
  readonly port: number
}

/** Each way is given up after so long; a packet that is dropped answers never. */
export const waitMs = 3_000

const closed = (seen: string): Tried => ({ state: 'closed', seen })
const open = (seen: string): Tried => ({ state: 'open', seen })
const skipped = (seen: string): Tried => ({ state: 'skipped', seen })

/** What a gate answers that connections are redirected to, and nobody else does. */
const gateAnswered = 'the gate answered'

const question = 'GET / HTTP/1.1\r\nHost: doctor.haltgate.invalid\r\nConnection: close\r\n\r\n'

/** A connection that stands is a way out, whoever listens there: but for a gate that it was redirected to. */
export function tryTcp({ host, port }: Target): Promise<Tried> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }).setEncoding('latin1')
    const connected = open(`connected to ${host}:${port}`)
    let answer = ''
    let otherwise = closed(`no answer in ${waitMs / 1_000} s`)
    const end = (tried: Tried): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(tried)
    }
    const timer = setTimeout(() => end(otherwise), waitMs)
    socket.on('connect', () => {
      otherwise = connected
      socket.write(question)
    })
    socket.on('data', (text: string) => {
      answer += text
      if (/^Haltgate-Decision:/im.test(answer)) end(closed(gateAnswered))
      else if (answer.length > 4_096 || answer.includes('\r\n\r\n')) end(connected)
    })
    socket.on('close', () => end(otherwise))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end(otherwise === connected ? connected : closed(error.code ?? error.message))
    })
  })
}

/** A query for the root's name servers (RFC 1035): any DNS server answers it. */
const rootQuery = Buffer.from('123401000001000000000000000002' + '0001', 'hex')

/** A datagram that is answered went out and came back. */
export function tryUdp({ host, port }: Target): Promise<Tried> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    const end = (tried: Tried): void => {
      clearTimeout(timer)
      socket.close()
      resolve(tried)
    }
    const timer = setTimeout(() => end(closed(`no answer in ${waitMs / 1_000} s`)), waitMs)
    socket.on('message', () => end(open(`${host}:${port} answered a datagram`)))
    socket.on('error', (error: NodeJS.ErrnoException) => end(closed(error.code ?? error.message)))
    // Connected, so that an answer of the system (port unreachable) is heard; a send that fails is an `error` then.
    socket.on('connect', () => socket.send(rootQuery))
    socket.connect(port, host)
  })
}

/** A name that is resolved left the machine in a question: names carry data out (DNS tunnels). */
export async function tryName(name: string): Promise<Tried> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Tried>((resolve) => {
    timer = setTimeout(() => resolve(closed(`no answer in ${waitMs / 1_000} s`)), waitMs)
  })
  const asked = lookup(name).then(
    ({ address }) => open(`${name} is ${address}`),
    (error: NodeJS.ErrnoException) => closed(error.code ?? error.message),
  )
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

export interface CommandRun {
  readonly program: string
  readonly rest: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface CommandEnd {
  /** Null where there is no such program. */
  readonly code: number | null
  readonly output: string
}

/** Runs a client to its end. */
export function runClient({ environment, program, rest }: CommandRun): Promise<CommandEnd> {
  const options = { env: environment as NodeJS.ProcessEnv, timeout: 3 * waitMs, maxBuffer: 1 << 20 }
  return new Promise((resolve) => {
    execFile(program, [...rest], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ code: 0, output: stdout })
      const isMissing = 'code' in error && error.code === 'ENOENT'
      const code = typeof error.code === 'number' ? error.code : 1
      resolve({ code: isMissing ? null : code, output: `${stdout}${stderr}` })
    })
  })
}

/** curl, told or made to go around the proxy; any status line is an answer. */
export async function tryCurl(
  url: string,
  rest: readonly string[],
  environment: CommandRun['environment'],
): Promise<Tried> {
  const seconds = String(waitMs / 1_000)
  const format = '%{http_code} %header{haltgate-decision}'
  const flags = ['-sk', '-o', '/dev/null', '-w', format, '-m', seconds, ...rest, url]
  const { code, output } = await runClient({ program: 'curl', rest: flags, environment })
  if (code === null) return skipped('curl is not installed')
  if (code !== 0) return closed(`curl ended with ${code}`)
  // Curl before 7.84 prints the name of the header itself.
  const [status = '', decision = ''] = output.trim().split(' ')
  const isGate = decision !== '' && !decision.startsWith('%')
  return isGate ? closed(gateAnswered) : open(`${url} answered ${status}`)
}
