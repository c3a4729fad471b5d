/** Who a policy knows: its agents, and the fingerprints of their tokens. */
import type { Policy } from '../kernel/policy.ts'
import type { Principal } from '../kernel/scope.ts'

/** The fingerprint of a token by its hash: what the proxy calls a principal's key. */
export type KeyOf = (tokenHash: string) => string

export class Roll {
  readonly #agents: Policy['agents']
  readonly #keyOf: KeyOf
  readonly #keys = new Map<string, ReadonlySet<string>>()

  constructor({ agents }: Pick<Policy, 'agents'>, keyOf: KeyOf) {
    this.#agents = agents
    this.#keyOf = keyOf
  }

  /** True for an agent that is declared and, where it showed a token, that still has that token. */
  knows({ agent, key }: Principal): boolean {
    const terms = this.#agents.get(agent)
    if (terms === undefined) return false
    return key === null || this.#keysOf(agent, terms.tokens).has(key)
  }

  #keysOf(agent: string, tokens: readonly string[]): ReadonlySet<string> {
    const known = this.#keys.get(agent)
    if (known !== undefined) return known
    const keys = new Set(tokens.map(this.#keyOf))
    this.#keys.set(agent, keys)
    return keys
  }
}
