/** Searches streams and whole payloads for the gate's own secrets, in every form that `secret-forms` and `lens` know. */
import { Automaton } from './automaton.ts'
import { Lens, type Search } from './lens.ts'
import { formsOf, secretBytesMax, secretBytesMin } from './secret-forms.ts'

/** A secret that the gate holds: a credential that it injects, its control token. */
export interface OwnSecret {
  readonly name: string
  readonly value: Uint8Array
}

/** The search of one stream. */
export interface SecretScan {
  /**
   * Takes the next bytes.
   *
   * returns  how many bytes of the stream, from its start, may be let go: none of them belongs to what may become a
   *          secret. It never falls.
   */
  push(chunk: Uint8Array): number
  /** Says that no more bytes come. */
  end(): void
  /** The secrets found so far, each once. */
  readonly found: readonly OwnSecret[]
}

export interface OwnSecrets {
  /** Names of the secrets that are too short or too long to be searched for. */
  readonly unsearched: readonly string[]
  openScan(): SecretScan
  /** The secrets that the bytes hold, each once. */
  search(bytes: Uint8Array): readonly OwnSecret[]
}

/** Prepares the search; its cost for a payload does not grow with the number of secrets. */
export function ownSecrets(secrets: readonly OwnSecret[]): OwnSecrets {
  const searchable = ({ value }: OwnSecret): boolean =>
    value.length >= secretBytesMin && value.length <= secretBytesMax
  const forms = secrets
    .filter(searchable)
    .flatMap((secret) => formsOf(secret.value).map((form) => ({ form, secret })))
  const automaton = new Automaton(forms.map(({ form }) => form))
  const owners = forms.map(({ secret }) => secret)
  const openScan = (): SecretScan => new StreamScan(automaton, owners)
  return {
    unsearched: secrets.filter((secret) => !searchable(secret)).map(({ name }) => name),
    openScan,
    search: (bytes) => {
      const scan = openScan()
      scan.push(bytes)
      scan.end()
      return scan.found
    },
  }
}

class StreamScan implements SecretScan {
  readonly #search: Search
  readonly #found = new Set<OwnSecret>()
  readonly #lens: Lens
  #released = 0

  constructor(automaton: Automaton, owners: readonly OwnSecret[]) {
    const found = (pattern: number): void => {
      const owner = owners[pattern]
      if (owner !== undefined) this.#found.add(owner)
    }
    this.#search = { automaton, found, passed: 0 }
    this.#lens = new Lens(this.#search, 0)
  }

  get found(): readonly OwnSecret[] {
    return [...this.#found]
  }

  push(chunk: Uint8Array): number {
    this.#lens.feed({ bytes: chunk, at: null })
    this.#lens.pass(chunk.length)
    this.#search.passed += chunk.length
    this.#released = Math.max(this.#released, Math.min(this.#lens.heldFrom(), this.#search.passed))
    return this.#released
  }

  end(): void {
    this.#lens.end()
  }
}
