/** Signs and verifies for the gate: statements of a policy's issuers, and its own capability tokens. */
import { randomUUID } from 'node:crypto'
import type { Prove, Proved, Shown } from '../gate/ports.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { Signer } from '../proof/capability.ts'
import type { Verifier } from '../proof/verify.ts'
import { keyFile } from './key-file.ts'

/** The library, loaded with the first use: a gate whose policy asks for no proof does without. */
interface Library {
  readonly capability: typeof import('../proof/capability.ts')
  readonly verify: typeof import('../proof/verify.ts')
  readonly signer: Signer
}

/** What a token is asked for. */
export interface TokenOrder {
  /** 64 hex digits: the digest of the action. */
  readonly action: string
  readonly scope: string
  readonly policy: string
  readonly seconds: number
}

export interface Token {
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** A token counts in seconds (RFC 7519 §2): what is said of its time is what it says. */
const wholeSecond = (at: number): number => Math.floor(at / 1000) * 1000

export class Notary {
  readonly #file: string
  readonly #now: () => number
  #library: Promise<Library> | null = null
  /** Of the policy that asked last: a reload brings other issuers. */
  #verifier: { readonly policy: Policy; readonly verifier: Verifier } | null = null

  /**
   * file  of the signing key, made with the first use; whatever needs it fails with a Failure where it cannot be had.
   * now   milliseconds since the epoch.
   */
  constructor(file: string, now: () => number) {
    this.#file = file
    this.#now = now
  }

  readonly prove: Prove = async (shown, { policy, at }): Promise<Proved> => {
    const library = await this.#load()
    return this.#verifierOf(policy, library).verify(shown, at)
  }

  async issue({ action, scope, policy, seconds }: TokenOrder): Promise<Token> {
    const { capability, signer } = await this.#load()
    const issuedAt = wholeSecond(this.#now())
    const expiresAt = issuedAt + seconds * 1000
    const id = randomUUID()
    const said = { action, scope, policy, root: id, id, issuedAt, expiresAt }
    return { token: await capability.issue(signer, said), expiresAt }
  }

  /** A token for less than another is for; why not, where it would be for more or the other is none. */
  async narrow(
    token: string,
    asked: { readonly scope: string; readonly seconds: number; readonly policy: Policy },
  ): Promise<
    | ({ readonly ok: true } & Token)
    | {
        readonly ok: false
        readonly code: 'capability-invalid' | 'capability-expired'
        readonly message: string
      }
  > {
    const library = await this.#load()
    const { capability, signer } = library
    const at = this.#now()
    const shown: Shown = { statements: null, capability: token }
    const proved = await this.#verifierOf(asked.policy, library).verify(shown, at)
    if (!proved.ok) {
      const code = proved.code === 'capability-expired' ? proved.code : 'capability-invalid'
      return { ok: false, code, message: proved.message }
    }
    const issuedAt = wholeSecond(at)
    const [proof] = proved.proofs
    const parent = proof === undefined ? null : capability.capabilityOf(proof)
    const least = parent === null ? 0 : Math.min(parent.expiresAt, issuedAt + asked.seconds * 1000)
    const narrower = { scope: asked.scope, expiresAt: least, id: randomUUID(), issuedAt }
    const child = parent === null ? null : capability.narrowed(parent, narrower)
    if (child === null) {
      const message = 'A token is narrowed within its own scope only.'
      return { ok: false, code: 'capability-invalid', message }
    }
    return { ok: true, token: await capability.issue(signer, child), expiresAt: child.expiresAt }
  }

  /** The public keys, as `/.well-known/jwks.json` shows them. */
  async jwks(): Promise<object> {
    const { capability, signer } = await this.#load()
    return capability.jwksOf([signer])
  }

  #verifierOf(policy: Policy, { verify, signer }: Library): Verifier {
    if (this.#verifier?.policy === policy) return this.#verifier.verifier
    const verifier = new verify.Verifier(policy.issuers, signer.terms)
    this.#verifier = { policy, verifier }
    return verifier
  }

  #load(): Promise<Library> {
    this.#library ??= this.#open().catch((error: unknown) => {
      // The next one tries again: a key that cannot be read now may be readable then.
      this.#library = null
      throw error
    })
    return this.#library
  }

  async #open(): Promise<Library> {
    const [capability, verify] = await Promise.all([
      import('../proof/capability.ts'),
      import('../proof/verify.ts'),
    ])
    const fresh = await capability.newSigningKey()
    const text = keyFile(this.#file, () => fresh).toString('utf8')
    try {
      return { capability, verify, signer: await capability.readSigner(text) }
    } catch (cause) {
      const message = `${this.#file} holds no signing key: put the old one back, or remove it`
      throw new Failure('ledger-unavailable', message, { cause })
    }
  }
}
