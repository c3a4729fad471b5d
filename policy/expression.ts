/** What the room knows of an expression: what it reads, and its value for one request. CEL itself is behind it. */
import type { Content } from '../kernel/content.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { type MakeMap, type ReadableBody, readableBody } from './body-value.ts'
import { foldPath } from './fold-path.ts'
import { PathText } from './path-text.ts'
import type { Wanted } from './reading.ts'
import { readContent, type Variables, variablesOf } from './variables.ts'
import { Work } from './work.ts'

/** A value of the wanted kind; or why there is none, without any value of the request. */
export type Outcome =
  | { readonly ok: true; readonly value: string | number | boolean }
  | { readonly ok: false; readonly message: string }

export interface Expression {
  readonly text: string
  /** True where it can read `body` or `facts`, which are there once a decoder has read the body. */
  readonly readsContent: boolean
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
  /** What a decoder made of the body; null while nobody read it. */
  readonly content: Content | null
  readonly work = new Work()
  #variables: Variables | null = null
  #body: ReadableBody | null = null
  #blind: Subject | null = null
  #path: PathText | null = null
  #foldedPath: PathText | null = null

  constructor(request: RequestFacts, content: Content | null = request.content) {
    this.request = request
    this.content = content
  }

  get variables(): Variables {
    this.#variables ??= variablesOf(this.request, this.content)
    return this.#variables
  }

  /** The body as expressions read it, made once. Throws RangeError where nobody read it, or it is too large. */
  bodyWith(makeMap: MakeMap): ReadableBody {
    this.#body ??= readableBody(readContent(this.content).body, makeMap)
    return this.#body
  }

  /** The same request before anybody read its body. */
  get blind(): Subject {
    if (this.content === null) return this
    this.#blind ??= new Subject(this.request, null)
    return this.#blind
  }

  get path(): PathText {
    this.#path ??= new PathText(this.request.path)
    return this.#path
  }

  /** The path for what stands in the way; most requests meet no such rule with paths. */
  get foldedPath(): PathText {
    this.#foldedPath ??= foldedFrom(this.path)
    return this.#foldedPath
  }
}

function foldedFrom(path: PathText): PathText {
  const folded = foldPath(path.text)
  return folded === path.text ? path : new PathText(folded)
}
