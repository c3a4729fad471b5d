/** `haltgate demo DOMAIN`: the example of a domain, played through a real gate against a stand-in for the world. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import pico from 'picocolors'
import { parse, parseDocument } from 'yaml'
import type { Clock } from '../gate/ports.ts'
import { systemClock } from './clock.ts'
import { type Answered, approveAs, ask, type Outside, openOutside } from './example-parts.ts'
import { exitCodes } from './exit.ts'
import { openLog } from './log.ts'
import { layoutOf, settingsOf, UsageError } from './settings.ts'
import { openWorld, type World } from './world.ts'

/** One request of an example, and what becomes of it. */
export interface ExampleCase {
  readonly name: string
  readonly agent: string
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** A statement that an issuer of the policy signs for it. */
  readonly proof?: {
    readonly issuer: string
    readonly kind: string
    readonly subject: string
    readonly claims?: Readonly<Record<string, unknown>>
    readonly expires_s?: number
    /** Signed so many seconds before. */
    readonly age_s?: number
  }
  /** When it is asked; an earlier instant than the last begins a gate of its own. */
  readonly at?: string
  readonly expect: 'allow' | 'deny' | 'approve' | 'halt'
  /** A reason code, or DOMAIN/CODE. */
  readonly reason?: string
}

export interface ExampleResult {
  readonly name: string
  readonly ok: boolean
  readonly answered: Answered
  /** How often the outside was reached by it: before anyone approved, and after. */
  readonly reached: number
  readonly retried: Answered | null
  readonly reachedAfter: number
}

export interface ExampleOptions {
  readonly domain: string
  readonly print: (text: string) => void
  /** Where the examples are; those that come with the package by default. */
  readonly directory?: string
  /** Where the gate keeps its data, which goes on there; by default a temporary directory that is removed. */
  readonly data?: string
}

const shipped = fileURLToPath(new URL('../../examples/', import.meta.url))

/** Plays an example; 0 where every case went as it says. */
export async function demoDomain(options: ExampleOptions): Promise<number> {
  const { domain, print } = options
  print(
    pico.bold(`the example of the domain ${domain}, through a gate, to a stand-in for the world`),
  )
  const results = await playExample(options)
  const wrong = results.filter(({ ok }) => !ok).length
  print(pico.bold(`${results.length} cases, ${wrong} not as their example says`))
  return wrong === 0 ? exitCodes.done : exitCodes.no
}

/**
 * Plays the cases of an example in turn.
 *
 * errors  UsageError where there is no such example; Failure where the gate does not open.
 */
export async function playExample(options: ExampleOptions): Promise<readonly ExampleResult[]> {
  const home = join(options.directory ?? shipped, options.domain)
  const cases = readCases(home, options.domain)
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-example-'))
  const outside = await openOutside()
  const stage = await Stage.open({ home, directory, outside, data: options.data ?? null })
  const results: ExampleResult[] = []
  try {
    for (const one of cases) {
      await stage.at(one)
      const result = await play(stage, one)
      results.push(result)
      options.print(told(one, result))
    }
  } finally {
    await stage.close()
    await outside.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return results
}

function readCases(home: string, domain: string): readonly ExampleCase[] {
  let text: string
  try {
    text = readFileSync(join(home, 'cases.yaml'), 'utf8')
  } catch {
    throw new UsageError(`there is no example of a domain '${domain}'`)
  }
  return parse(text) as readonly ExampleCase[]
}

type Key = Parameters<SignJWT['sign']>[0]

interface StageParts {
  readonly home: string
  readonly directory: string
  readonly outside: Outside
  /** Null for a directory of its own for each gate. */
  readonly data: string | null
}

/** The gate of an example, its people and its clock. */
class Stage {
  readonly #parts: StageParts
  readonly #tokens = new Map<string, string>()
  readonly #keys = new Map<string, Key>()
  #offsetMs = 0
  #worlds = 0
  #world: World | null = null
  #data = ''

  private constructor(parts: StageParts) {
    this.#parts = parts
  }

  static async open(parts: StageParts): Promise<Stage> {
    const stage = new Stage(parts)
    await stage.#prepare()
    return stage
  }

  get world(): World {
    if (this.#world === null) throw new TypeError('an example plays with its gate open')
    return this.#world
  }

  get outside(): Outside {
    return this.#parts.outside
  }

  get operator(): string {
    return readFileSync(layoutOf(this.#data).token, 'utf8').trim()
  }

  tokenOf(name: string): string {
    return this.#tokens.get(name) ?? ''
  }

  now(): number {
    return Date.now() + this.#offsetMs
  }

  /** Sets the clock for a case; a gate's clock never runs backward, so that an earlier case has another gate. */
  async at({ at }: ExampleCase): Promise<void> {
    const wanted = at === undefined ? null : Date.parse(at)
    const isEarlier = wanted !== null && wanted < this.now()
    if (this.#world !== null && isEarlier) await this.close()
    if (wanted !== null) this.#offsetMs = wanted - Date.now()
    if (this.#world === null) await this.#start()
  }

  async sign(proof: NonNullable<ExampleCase['proof']>): Promise<string> {
    const key = this.#keys.get(proof.issuer)
    if (key === undefined) throw new UsageError(`the policy has no issuer ${proof.issuer}`)
    const issuedAt = Math.floor(this.now() / 1000) - (proof.age_s ?? 0)
    return new SignJWT({ ...proof.claims, kind: proof.kind })
      .setProtectedHeader({ alg: 'EdDSA' })
      .setIssuer(proof.issuer)
      .setSubject(proof.subject)
      .setJti(randomBytes(12).toString('hex'))
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + (proof.expires_s ?? 300))
      .sign(key)
  }

  async close(): Promise<void> {
    await this.#world?.close()
    this.#world = null
  }

  /** The example's own policy, with keys and tokens that live for one play, and every host behind the stand-in. */
  async #prepare(): Promise<void> {
    const { directory, home, outside } = this.#parts
    const document = parseDocument(readFileSync(join(home, 'policies.yaml'), 'utf8'))
    const policy = document.toJS() as Record<string, Record<string, object> | undefined>
    for (const name of Object.keys(policy['issuers'] ?? {})) {
      const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
      this.#keys.set(name, pair.privateKey)
      const { x = '' } = await exportJWK(pair.publicKey)
      document.setIn(['issuers', name, 'key'], x)
    }
    for (const kind of ['agents', 'approvers']) {
      for (const name of Object.keys(policy[kind] ?? {})) {
        const token = randomBytes(32).toString('base64url')
        this.#tokens.set(name, token)
        const hash = createHash('sha256').update(token).digest('hex')
        if (document.getIn([kind, name]) === null) document.setIn([kind, name], {})
        document.setIn([kind, name, 'tokens'], [`sha256:${hash}`])
      }
    }
    document.setIn(['upstream_proxies', 'outside'], { url: outside.url, by: 'name' })
    document.setIn(['defaults', 'upstream_proxy'], 'outside')
    writeFileSync(join(directory, 'policies.yaml'), document.toString())
    for (const { name, text } of tablesOf(home)) writeFileSync(join(directory, name), text)
  }

  async #start(): Promise<void> {
    const { data, directory } = this.#parts
    this.#worlds += 1
    this.#data = data ?? join(directory, `data-${this.#worlds}`)
    const place = { policy: join(directory, 'policies.yaml'), data: this.#data }
    const flags = { listen: '127.0.0.1:0', control: '127.0.0.1:0', anyFilesystem: true, ...place }
    const clock: Clock = { ...systemClock, now: () => this.now() }
    this.#world = await openWorld({
      settings: settingsOf({ ...flags, logLevel: 'silent' }, {}),
      log: openLog('silent'),
      onSeal: () => undefined,
      clock,
      // Every name is the stand-in's: nothing is asked of a resolver.
      lookup: (_host, callback) => callback(null, ['127.0.0.1']),
    })
  }
}

/** Files beside a policy that its parameters name. */
function tablesOf(home: string): readonly { readonly name: string; readonly text: string }[] {
  const document = parse(readFileSync(join(home, 'policies.yaml'), 'utf8')) as {
    readonly domains?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
  const values = Object.values(document.domains ?? {}).flatMap((domain) => Object.values(domain))
  return values.flatMap((value) => {
    if (typeof value !== 'string' || !/^\.\/[\w.-]+\.(ya?ml|json)$/.test(value)) return []
    return [{ name: value.slice(2), text: readFileSync(join(home, value), 'utf8') }]
  })
}

async function play(stage: Stage, one: ExampleCase): Promise<ExampleResult> {
  const proof = one.proof === undefined ? null : await stage.sign(one.proof)
  const send = (): Promise<Answered> =>
    ask(stage.world.proxy.port, { ...one, proof, token: stage.tokenOf(one.agent) })
  const before = stage.outside.reached
  const answered = await send()
  const reached = stage.outside.reached - before
  const expected = matches(one, answered) && reached === (one.expect === 'allow' ? 1 : 0)
  const { name } = one
  if (one.expect !== 'approve' || !expected) {
    return { name, ok: expected, answered, reached, retried: null, reachedAfter: 0 }
  }
  await approveAs(stage.world.control, answered.approval, {
    operator: stage.operator,
    tokenOf: (person) => stage.tokenOf(person),
    approvers: stage.world.gate.policy.approvers,
  })
  const between = stage.outside.reached
  const retried = await send()
  const reachedAfter = stage.outside.reached - between
  const ok = retried.status === 200 && reachedAfter === 1
  return { name, ok, answered, reached, retried, reachedAfter }
}

const statuses = { allow: [200], deny: [403, 407, 413, 429], approve: [403], halt: [403] } as const

function matches(one: ExampleCase, { codes, status }: Answered): boolean {
  const allowed: readonly number[] = statuses[one.expect]
  if (!allowed.includes(status)) return false
  if (one.expect === 'approve' && codes[0] !== 'approval-required') return false
  return one.reason === undefined || codes.includes(one.reason)
}

function told(one: ExampleCase, result: ExampleResult): string {
  const { answered, ok, retried } = result
  const colour = answered.status === 200 ? pico.green : pico.red
  const code = answered.codes.join(' ')
  const receipt = pico.dim(`receipt ${answered.receipt}`)
  const lines = [
    `${ok ? ' ' : pico.red('✗')} ${colour(String(answered.status))} ${one.name}  ${code}  ${receipt}`,
  ]
  if (retried !== null) {
    lines.push(
      `    approved, sent again: ${retried.status}  ${pico.dim(`receipt ${retried.receipt}`)}`,
    )
  }
  return lines.join('\n')
}
