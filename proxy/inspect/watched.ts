/** An answer whose head is looked at as well: an origin may echo what it was sent, the credential too. */
import type { HeaderList, PayloadInspector, PayloadTerms } from '../../kernel/payload.ts'
import type { ReadHead } from '../reply.ts'
import { Answered, type Readers } from './answered.ts'
import { objectionOf } from './judged.ts'
import type { Objection } from './objection.ts'

export interface Watch {
  readonly inspector: PayloadInspector
  readonly terms: readonly PayloadTerms[]
}

export class Watched extends Answered {
  readonly #watch: Watch

  constructor(readers: Readers, watch: Watch) {
    super(readers)
    this.#watch = watch
  }

  override begin(read: ReadHead, bodiless: boolean): ReadHead | Objection | null {
    const seen = this.#look(['Status', read.phrase, ...read.head.headers])
    if (!Array.isArray(seen)) return seen
    const [, phrase = '', ...headers] = seen
    return super.begin({ ...read, phrase, head: { ...read.head, headers } }, bodiless)
  }

  override trailers(raw: readonly Buffer[]): readonly Buffer[] {
    const seen = this.#look(raw.map((text) => text.toString('latin1')))
    return Array.isArray(seen) ? seen.map((text) => Buffer.from(text, 'latin1')) : []
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
