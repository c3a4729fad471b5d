/** Gives the proxy what it inspects with: the CA, the detectors, the values of credentials. Follows every reload. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { PayloadInspector } from '../kernel/payload.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { Credential } from '../payload/credential.ts'
import type { ChainedProxy } from '../proxy/chain.ts'
import type { Limits } from '../proxy/limits.ts'
import type { Injected, Outgoing, Secured, Sight } from '../proxy/sight.ts'
import { caLayoutOf, openCa, upstreamRoots } from './ca-files.ts'
import { systemClock } from './clock.ts'
import { readCredentials } from './credentials.ts'
import { type CaPlace, layoutOf, type Settings } from './settings.ts'
import { type Around, chainedByFlag, chainedByPolicy, refuseLoops } from './upstream-proxy.ts'

export interface SightOptions {
  readonly settings: Settings
  readonly limits: Limits
  /** The control token: one more secret that never leaves. */
  readonly token: string
  readonly warn: (message: string) => void
  readonly around: Around
}

/** What belongs to one policy. */
export interface Vision {
  readonly inspector: PayloadInspector | null
  readonly credentials: ReadonlyMap<string, Credential>
  readonly inject: typeof import('../payload/credential.ts').inject
  readonly policy: Policy
}

const hashKeyBytes = 32

export class PolicySight implements Sight {
  /** Read or made with the first policy that inspects. */
  hashKey: Uint8Array = new Uint8Array(hashKeyBytes)
  readonly #options: SightOptions
  #vision: Vision | null = null
  #secured: Promise<Secured> | null = null
  /** Where all is sent through that no rule says anything of. */
  readonly #default: ChainedProxy | null

  constructor(options: SightOptions) {
    const { around, settings } = options
    this.#options = options
    this.#default =
      settings.upstreamProxy === null ? null : chainedByFlag(settings.upstreamProxy, around)
  }

  get inspector(): PayloadInspector | null {
    return this.#vision?.inspector ?? null
  }

  get guards(): boolean {
    return this.#password !== '' || (this.#vision?.credentials.size ?? 0) > 0
  }

  /**
   * Reads what a policy needs; what is in force stays until `use`.
   *
   * errors  Failure: a credential without a value, a CA or a key that cannot be used. Nothing has changed then.
   */
  async prepare(policy: Policy): Promise<Vision> {
    const { around, settings } = this.#options
    await refuseLoops(policy, settings, around)
    const credentials = await readCredentials(policy, process.env)
    if (policy.inspects) await this.secured()
    const { inject } = await import('../payload/credential.ts')
    const looks = policy.inspects || credentials.size > 0 || this.#password !== ''
    if (looks) this.hashKey = hashKeyOf(layoutOf(settings.dataDirectory).hashKey)
    const inspector = looks ? await this.#open(credentials) : null
    return { credentials, inject, inspector, policy }
  }

  use(vision: Vision): void {
    this.#vision = vision
  }

  secured(): Promise<Secured> {
    this.#secured ??= this.#secure().catch((error: unknown) => {
      this.#secured = null
      throw error
    })
    return this.#secured
  }

  /** What is in force, to put back where the next policy is not taken. */
  get vision(): Vision | null {
    return this.#vision
  }

  inject(names: readonly string[], outgoing: Outgoing, policy: string): Injected {
    const vision = this.#vision
    if (vision !== null && vision.policy.digest !== policy) {
      const message = 'The policy changed while this was judged: try again.'
      return { ok: false, reason: { code: 'policy-unavailable', id: '', message } }
    }
    const credentials: Credential[] = []
    for (const name of names) {
      const credential = vision?.credentials.get(name)
      if (vision === null || credential === undefined) {
        const message = `The credential ${name} has no value: tell an operator.`
        return { ok: false, reason: { code: 'policy-unavailable', id: name, message } }
      }
      credentials.push(credential)
    }
    if (vision === null) return { ok: true, outgoing }
    return vision.inject(outgoing, credentials)
  }

  chained(name: string): ChainedProxy | null {
    if (name === '') return this.#default
    const vision = this.#vision
    const terms = vision?.policy.upstreamProxies.get(name)
    if (vision === null || terms === undefined) return null
    return chainedByPolicy(terms, vision.credentials, this.#options.around)
  }

  get #password(): string {
    return this.#options.settings.upstreamProxy?.password ?? ''
  }

  async #open(credentials: ReadonlyMap<string, Credential>): Promise<PayloadInspector> {
    const { openInspector } = await import('../payload/inspect.ts')
    const own = [...credentials].map(([name, { secret }]) => ({ name, value: bytesOf(secret) }))
    const secrets = [...own, { name: 'control token', value: bytesOf(this.#options.token) }]
    const password = this.#password
    if (password !== '') secrets.push({ name: 'upstream proxy', value: bytesOf(password) })
    const inspector = openInspector({ secrets, key: this.hashKey })
    for (const name of inspector.unsearched) {
      this.#options.warn(`the value of ${name} is too short or too long to be looked for`)
    }
    return inspector
  }

  async #secure(): Promise<Secured> {
    const { settings, limits } = this.#options
    const [{ Mint }, { SecurePools }, { trustOf }] = await Promise.all([
      import('../proxy/tls/mint.ts'),
      import('../proxy/tls/secure-pools.ts'),
      import('../proxy/tls/dial-tls.ts'),
    ])
    const place: CaPlace = settings.ca ?? caLayoutOf(settings.dataDirectory)
    const root = await openCa(place, systemClock.now())
    const { after } = systemClock
    const trust = trustOf(await upstreamRoots(settings.upstreamCa))
    return { mint: new Mint(root, systemClock), pools: new SecurePools({ limits, trust, after }) }
  }
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8')

/** 32 random bytes, made at the first start: the same value has the same hash in all entries of this directory. */
function hashKeyOf(file: string): Uint8Array {
  try {
    if (!existsSync(file)) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      // Under another name first: a crash in the middle must not leave half a key behind.
      const next = `${file}.next`
      writeFileSync(next, randomBytes(hashKeyBytes), { mode: 0o600, flush: true })
      renameSync(next, file)
    }
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new Error(`it can be read by others; run: chmod 600 ${file}`)
    }
    const key = readFileSync(file)
    if (key.length !== hashKeyBytes) throw new Error('it is no key; restore it or delete it')
    return key
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Failure('ledger-unavailable', `${file} cannot be used (${why})`, { cause: error })
  }
}
