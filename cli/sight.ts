/** Gives the proxy what it inspects with: the CA, the detectors, the values of credentials. Follows every reload. */
import { randomBytes } from 'node:crypto'
import type { Passage } from '../gate/passage.ts'
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
import { keyFile } from './key-file.ts'
import type { Notary } from './notary.ts'
import { type CaPlace, layoutOf, type Settings } from './settings.ts'
import { type Around, chainedByFlag, chainedByPolicy, refuseLoops } from './upstream-proxy.ts'

export interface SightOptions {
  readonly settings: Settings
  readonly limits: Limits
  /** The control token: one more secret that never leaves. */
  readonly token: string
  readonly warn: (message: string) => void
  readonly around: Around
  /** Signs the tokens that go along with requests. */
  readonly notary: Notary
}

/** A token that goes along is read at once. */
const attestedSeconds = 60

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

  async attest({ attested, policy }: Pick<Passage, 'attested' | 'policy'>): Promise<string | null> {
    if (attested === null) return null
    try {
      const order = { ...attested, policy, seconds: attestedSeconds }
      return (await this.#options.notary.issue(order)).token
    } catch {
      // A key that cannot be used: the request that wants a token is not sent without one.
      return null
    }
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
  const key = keyFile(file, () => randomBytes(hashKeyBytes))
  if (key.length === hashKeyBytes) return key
  const message = `${file} cannot be used (it is no key; restore it or delete it)`
  throw new Failure('ledger-unavailable', message)
}
