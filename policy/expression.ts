/** What the room knows of an expression: what it reads, and its value for one request. CEL itself is behind it. */
import type { RequestFacts } from '../kernel/request.ts'
import type { Wanted } from './reading.ts'
import { type Variables, variablesOf } from './variables.ts'

/** A value of the wanted kind; or why there is none, without any value of the request. */
export type Outcome =
  | { readonly ok: true; readonly value: string | number | boolean }
  | { readonly ok: false; readonly message: string }

export interface Expression {
  readonly text: string
  /** True where it can read the body, which this version never has. */
  readonly readsBody: boolean
  /** True where it can read facts, of which this version has none. */
  readonly readsFacts: boolean
  /** True where it can read what an opaque tunnel hides: method, path, query, headers, body. */
  readonly readsHidden: boolean
  evaluate(subject: Subject): Outcome
}

/** A fault in an expression, at a character of it. */
export interface ExpressionFault {
  readonly offset: number
  readonly message: string
}

export interface ExpressionLanguage {
  /** Compiles one expression, or says everything that is wrong with it. */
  compile(text: string, wanted: Wanted): Expression | readonly ExpressionFault[]
}

/** One request as expressions see it; its variables are made at the first expression that is evaluated. */
export class Subject {
  readonly request: RequestFacts
  #variables: Variables | null = null

  constructor(request: RequestFacts) {
    this.request = request
  }

  get variables(): Variables {
    this.#variables ??= variablesOf(this.request)
    return this.#variables
  }
}
