/** What the proxy is given to see with: how TLS is ended and begun, what is looked for, and what is set on the way out. */
import type { Passage } from '../gate/passage.ts'
import type { PayloadInspector } from '../kernel/payload.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { ChainedProxy } from './chain.ts'
import type { Mint } from './tls/mint.ts'
import type { SecurePools } from './tls/secure-pools.ts'

/** Of an inspected tunnel: leaves for its client's side, verified connections for the other. */
export interface Secured {
  readonly mint: Mint
  readonly pools: SecurePools
}

export interface Outgoing {
  /** End-to-end headers, flat. */
  readonly headers: readonly string[]
  readonly query: string
}

export type Injected =
  | { readonly ok: true; readonly outgoing: Outgoing }
  | { readonly ok: false; readonly reason: Reason }

export interface Sight {
  /** Made with the first tunnel that is inspected; a null says that this gate has no CA. */
  secured(): Promise<Secured | null>
  /** Looks for secrets and personal data; null while nothing asks for it. Another one after a reload. */
  readonly inspector: PayloadInspector | null
  /** Whether the gate holds secrets of its own, which never leave. */
  readonly guards: boolean
  /** For keyed hashes of what models were asked and answered: 32 random bytes of the data directory. */
  readonly hashKey: Uint8Array
  /**
   * Sets credentials by name.
   *
   * policy  digest of the policy that named them: another one's credential of that name is for another host.
   */
  inject(names: readonly string[], outgoing: Outgoing, policy: string): Injected
  /** Signs a token that goes along with an admitted request; null where none can be made. */
  attest(passage: Pick<Passage, 'attested' | 'policy'>): Promise<string | null>
  /**
   * A proxy to go through, by name; null where its credential cannot be read. Of an empty name: the proxy for all that
   * no rule says anything of, or null where there is none.
   */
  chained(name: string): ChainedProxy | null
}

/** The sight of a gate that inspects nothing: what needs more is refused. */
export const blind: Sight = {
  secured: async () => null,
  inspector: null,
  guards: false,
  hashKey: new Uint8Array(32),
  inject: () => {
    const message = 'This gate holds no credentials.'
    return { ok: false, reason: { code: 'policy-unavailable', id: '', message } }
  },
  attest: async () => null,
  chained: () => null,
}

/** The same sight, which tells of its upstream connections once there are some. */
export function remembering(sight: Sight, opened: (pools: SecurePools) => void): Sight {
  return {
    secured: async () => {
      const secured = await sight.secured()
      if (secured !== null) opened(secured.pools)
      return secured
    },
    get inspector() {
      return sight.inspector
    },
    get guards() {
      return sight.guards
    },
    get hashKey() {
      return sight.hashKey
    },
    inject: (names, outgoing, policy) => sight.inject(names, outgoing, policy),
    attest: (passage) => sight.attest(passage),
    chained: (name) => sight.chained(name),
  }
}
