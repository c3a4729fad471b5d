/**
 * The built program with TLS to inspect: `haltgate run` holds a gate open as long as the test lasts, and every client gets
 * the variables that it sets and no others. At the end the command line verifies and replays the ledger.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { askControl, type ControlAnswer } from '../../cli/control-client.ts'
import { settingsOf } from '../../cli/settings.ts'
import type { Entry } from '../../ledger/entry.ts'
import { type Certified, selfSigned, signedBy } from '../proxy/tls/certificates.ts'
import { runCommand } from './child.ts'
import { type Ended, runProgram } from './clients.ts'
import { isInMemory, listen, makeDirectory, readEntries, type Teardown } from './world.ts'

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url))

export type Serve = (request: Http2ServerRequest, response: Http2ServerResponse) => void

export interface SecureOrigin {
  readonly port: number
  /** `https://localhost:PORT` */
  readonly url: string
  /** Of the root that signed its certificate. */
  readonly caFile: string
  /** Method and target of each request, as they came. */
  readonly asked: string[]
  /** Raw connections that are open. */
  readonly sockets: ReadonlySet<Socket>
}

/** An origin for localhost that speaks HTTP/2 and HTTP/1.1; its certificate is good unless another is given. */
export async function startSecureOrigin(
  t: Teardown,
  serve: Serve,
  certified?: Certified,
): Promise<SecureOrigin> {
  const root = await selfSigned('test root')
  const good = await signedBy(root, 'localhost', { names: [{ type: 'dns', value: 'localhost' }] })
  const { cert, key } = certified ?? good
  const caFile = join(makeDirectory(t), 'root.pem')
  writeFileSync(caFile, root.cert)
  const asked: string[] = []
  const server = createSecureServer({ allowHTTP1: true, cert, key }, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.on('error', () => undefined)
    serve(request, response)
  })
  // Node's own side of HTTP/1.1 ends a request after 300 s, which a slow upload of 10 GiB takes.
  Object.assign(server, { requestTimeout: 0 })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('sessionError', () => undefined)
  server.on('tlsClientError', () => undefined)
  const port = await listen(t, server)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  return { port, url: `https://localhost:${port}`, caFile, asked, sockets }
}

/** The whole body of a request at an origin. */
export const bodyOf = (request: Http2ServerRequest): Promise<string> => text(request)

/** A rule about localhost, one line of YAML. */
export const ruleAt = (id: string, port: number, more = 'effect: allow'): string =>
  `  - { id: ${id}, hosts: [localhost], ports: [${port}], addresses: [127.0.0.0/8, "::1/128"], ${more} }\n`

export interface Policed {
  /** YAML list items; one that allows all of the origin if left out. */
  readonly rules?: (port: number) => string
  /** YAML list items, two spaces in. */
  readonly budgets?: string
  /** YAML list items of `prices.models`, four spaces in. */
  readonly prices?: string
  /** Members of `credentials`, two spaces in. */
  readonly credentials?: string
}

/** port  of the origin that the rules are about. */
export function inspectingPolicy(policed: Policed, port: number): string {
  const { budgets, credentials, prices, rules = (at: number) => ruleAt('origin', at) } = policed
  const parts = [
    'version: 1\nmode: enforce\ndefaults: { verdict: deny, tls: inspect }\nagents: { local: {} }\n',
    credentials === undefined ? '' : `credentials:\n${credentials}\n`,
    prices === undefined ? '' : `prices:\n  models:\n${prices}\n`,
    `rules:\n${rules(port)}`,
    budgets === undefined ? '' : `budgets:\n${budgets}\n`,
  ]
  return parts.join('')
}

export interface RunTerms {
  readonly policy: string
  readonly upstreamCa?: string
  /** Of the gate alone; the agent does not get these. */
  readonly environment?: Readonly<Record<string, string>>
  readonly flags?: readonly string[]
}

/** Of 5 ms each. */
const eventualTurns = 1000

/** Prints the environment it was given, and lives until its input ends: the agent of a run that waits for clients. */
const holder =
  "process.stdout.write(JSON.stringify(process.env)+'\\n');process.stdin.on('end',()=>process.exit(0)).resume()"

/** One `haltgate run` that is under way. */
export class GateRun {
  readonly directory: string
  readonly dataDirectory: string
  /** What `haltgate run` set for its command. */
  readonly environment: Readonly<Record<string, string>>
  readonly proxy: URL
  readonly #child: ChildProcess
  readonly #errors: () => string
  readonly #ended: Promise<number>

  private constructor(
    directory: string,
    child: ChildProcess,
    { environment, errors }: { environment: Record<string, string>; errors: () => string },
  ) {
    this.directory = directory
    this.dataDirectory = join(directory, 'data')
    this.environment = environment
    this.proxy = new URL(environment['HTTPS_PROXY'] ?? '')
    this.#child = child
    this.#errors = errors
    this.#ended = new Promise((resolve) => {
      child.once('close', (code) => resolve(code ?? -1))
    })
  }

  static async start(t: Teardown, terms: RunTerms): Promise<GateRun> {
    const directory = makeDirectory(t)
    const policyFile = join(directory, 'policies.yaml')
    writeFileSync(policyFile, terms.policy)
    const { environment = {}, flags = [], upstreamCa } = terms
    const args = [
      ...['run', '--agent', 'local', '--policy', policyFile, '--data', join(directory, 'data')],
      ...['--control', `unix:${join(directory, 'control')}`],
      ...(upstreamCa === undefined ? [] : ['--upstream-ca', upstreamCa]),
      ...(isInMemory(directory) ? ['--any-filesystem'] : []),
      ...flags,
    ]
    const own = { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', ...environment }
    const command = ['--', process.execPath, '-e', holder]
    const child = spawn(process.execPath, [main, ...args, ...command], { env: own })
    t.teardown(() => child.kill('SIGKILL'))
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (more: string) => {
      errors += more
    })
    const printed = await firstLine(child)
    if (printed === '') throw new Error(`the gate did not start: ${errors}`)
    const all = JSON.parse(printed) as Record<string, string>
    const set = Object.entries(all).filter(([name]) => !Object.hasOwn(own, name))
    const given = { environment: Object.fromEntries(set), errors: () => errors }
    return new GateRun(directory, child, given)
  }

  /** Runs a client with the environment of the run. */
  client(
    program: string,
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
  ): Promise<Ended> {
    return runProgram(program, args, { HOME: this.directory, ...this.environment, ...more })
  }

  curl(...args: readonly string[]): Promise<Ended> {
    return this.client('curl', ['-sS', '--max-time', '20', ...args])
  }

  /** Resident memory of the gate, in bytes; null where the system does not tell. */
  residentBytes(): number | null {
    const file = `/proc/${this.#child.pid}/status`
    if (!existsSync(file)) return null
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) * 1024
  }

  control(method: 'GET' | 'POST', path: string, body?: object): Promise<ControlAnswer> {
    const control = `unix:${join(this.directory, 'control')}`
    const settings = settingsOf({ control, data: this.dataDirectory }, {})
    return askControl(settings, method, body === undefined ? { path } : { path, body })
  }

  /** Waits for what no event tells: an entry on the disk, which a settlement is some milliseconds later. */
  async eventually(condition: () => boolean): Promise<void> {
    for (let turn = 0; !condition(); turn += 1) {
      if (turn === eventualTurns) throw new Error(`it never came true: ${condition}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  entries(...kinds: readonly string[]): readonly Entry[] {
    return readEntries(this.dataDirectory, kinds)
  }

  /** Entries that say a code, as a decision's reason, a rejection or what cut an answer. */
  saying(code: string): readonly Entry[] {
    return this.entries('decision', 'rejected', 'settlement').filter((entry) =>
      codesOf(entry).includes(code),
    )
  }

  /** Ends the command and with it the gate. */
  async end(t: Test): Promise<string> {
    this.#child.stdin?.end()
    t.equal(await this.#ended, 0, `the run ends in order: ${this.#errors()}`)
    const args = ['audit', 'verify', '--replay', '--data', this.dataDirectory]
    const { code, output } = await runCommand(args)
    t.equal(code, 0, `the ledger verifies and replays: ${output}`)
    return this.#errors()
  }
}

function codesOf({ data }: Entry): readonly string[] {
  const { code, cut, reasons } = data as {
    code?: string
    cut?: string
    reasons?: { code: string }[]
  }
  return [code ?? '', cut ?? '', ...(reasons ?? []).map((reason) => reason.code)]
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let line = ''
    child.stdout?.setEncoding('utf8').on('data', (more: string) => {
      line += more
      const end = line.indexOf('\n')
      if (end >= 0) resolve(line.slice(0, end))
    })
    child.once('close', () => resolve(''))
  })
}

export interface InspectTerms extends Policed {
  readonly serve: Serve
  readonly environment?: Readonly<Record<string, string>>
  readonly flags?: readonly string[]
}

/** A test behind a run of its own, with one origin. */
export function inspectTest(
  name: string,
  terms: InspectTerms,
  play: (t: Test, run: GateRun, origin: SecureOrigin) => Promise<void>,
): void {
  void test(name, async (t) => {
    const origin = await startSecureOrigin(t, terms.serve)
    const { environment = {}, flags = [] } = terms
    const policy = inspectingPolicy(terms, origin.port)
    const run = await GateRun.start(t, { policy, upstreamCa: origin.caFile, environment, flags })
    await play(t, run, origin)
    await run.end(t)
  })
}
