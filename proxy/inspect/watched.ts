/** An answer whose head is looked at as well: an origin may echo what it was sent, the credential too. */
import type { HeaderList, PayloadInspector, PayloadTerms } from '../../kernel/payload.ts'
import type { ReadHead } from '../reply.ts'
import { Answered, type Readers } from './answered.ts'
import { withoutDigests } from './header.ts'
import { objectionOf } from './judged.ts'
import type { Objection } from './objection.ts'

export interface Watch {
  readonly inspector: PayloadInspector
  readonly terms: readonly PayloadTerms[]
}

export class Watched extends Answered {
  readonly #watch: Watch
  /** Whether the body may come to be another one than its headers tell of. */
  readonly #redacts: boolean

  constructor(readers: Readers, watch: Watch) {
    super(readers)
    this.#watch = watch
    this.#redacts = watch.terms.some(({ action, responses }) => action === 'redact' && responses)
  }

  override begin(read: ReadHead, bodiless: boolean): ReadHead | Objection | null {
    const seen = this.#look(['Status', read.phrase, ...read.head.headers])
    if (!Array.isArray(seen)) return seen
    const [, phrase = '', ...looked] = seen
    const headers = this.#redacts && !bodiless ? withoutDigests(looked) : looked
    return super.begin({ ...read, phrase, head: { ...read.head, headers } }, bodiless)
  }

  override trailers(raw: readonly string[]): readonly string[] {
    const seen = this.#look(raw)
    if (!Array.isArray(seen)) return []
    return this.#redacts ? withoutDigests(seen) : seen
  }

  #look(headers: HeaderList): string[] | Objection {
    const { inspector, terms } = this.#watch
    const judgement = inspector.response({ headers, body: null, terms })
    if (judgement.verdict === 'block') {
      const [code, message] = objectionOf(judgement)
      return { code, message }
    }
    return [...(judgement.redacted?.headers ?? headers)]
  }
}
