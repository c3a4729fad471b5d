/**
 * Remembers what a policy said of equal requests. Only what is pure in the key is remembered: no body, query or
 * header, no clock, no budget, halt or approval. A new policy begins with an empty memory, so that its digest is
 * part of every key.
 */
import { LRUCache } from 'lru-cache'
import type { Classification } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { CompiledBudget, CompiledRule, Rulebook } from './describe.ts'

/** Classifications that are kept, and characters of a key: an agent chooses its paths. */
const rememberedMax = 4_096
const keyCharactersMax = 2_048

/** Hosts of which it is known whether anything about them can be remembered. */
const hostsMax = 1_024

export class Remembered {
  hits = 0
  misses = 0
  readonly #rulebook: Rulebook
  readonly #classify: (request: RequestFacts) => Classification
  readonly #known = new LRUCache<string, Classification>({ max: rememberedMax })
  readonly #hosts = new LRUCache<string, boolean>({ max: hostsMax })

  constructor(rulebook: Rulebook, classify: (request: RequestFacts) => Classification) {
    this.#rulebook = rulebook
    this.#classify = classify
  }

  /** As the policy's own: total and pure. */
  classify(request: RequestFacts): Classification {
    const key = this.#keyOf(request)
    if (key === null) return this.#classify(request)
    const known = this.#known.get(key)
    if (known !== undefined) {
      this.hits += 1
      return known
    }
    this.misses += 1
    const found = this.#classify(request)
    this.#known.set(key, found)
    return found
  }

  /** Everything that the answer depends on; null where that is more than a key holds. */
  #keyOf(request: RequestFacts): string | null {
    const { kind, content, method, scheme, host, port, path } = request
    const what =
      kind === 'action'
        ? actionKey(request)
        : content === null && this.#isPlain(host)
          ? `${method} ${scheme} ${host} ${port} ${path}`
          : null
    if (what === null) return null
    const { agent, run, tenant, project, actor, key } = request.principal
    const who = `${agent}\n${kind === 'action' ? run : ''}\n${tenant}\n${project}\n${actor}\n${key}`
    const whole = `${who}\n${kind}\n${what}`
    return whole.length > keyCharactersMax ? null : whole
  }

  /** Whether nothing that may speak about a host reads more of a request than its first line. */
  #isPlain(host: string): boolean {
    const known = this.#hosts.get(host)
    if (known !== undefined) return known
    const isPlain =
      this.#rulebook.rulesFor(host).every(isPlainRule) &&
      this.#rulebook.budgetsFor(host).every(isPlainBudget)
    this.#hosts.set(host, isPlain)
    return isPlain
  }
}

function actionKey({ action, content }: RequestFacts): string | null {
  if (action === undefined || content === null) return null
  // Whoever asks in another order is only not remembered.
  return JSON.stringify([action, content.body])
}

function isPlainRule({ target, resource, context, charge }: CompiledRule): boolean {
  if (target.when !== null || typeof resource !== 'string' || context !== null) return false
  return charge === null || charge.every(([, amount]) => typeof amount === 'number')
}

function isPlainBudget({ target }: CompiledBudget): boolean {
  return target.when === null
}
