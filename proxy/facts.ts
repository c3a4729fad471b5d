/** The facts of a request as the gate is told them; the header map is built only when a rule looks at it. */
import type { Content } from '../kernel/content.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Principal } from '../kernel/scope.ts'
import type { Head } from './front.ts'
import type { Target } from './target.ts'

export interface FactsInput {
  readonly id: string
  readonly principal: Principal
  readonly kind: RequestFacts['kind']
  readonly method: string
  /** Of what is asked inside; a CONNECT stands for https. */
  readonly scheme: 'http' | 'https'
  readonly target: Target
  readonly head: Head
}

export class Facts implements RequestFacts {
  readonly id: string
  readonly principal: Principal
  readonly kind: RequestFacts['kind']
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  readonly path: string
  readonly query: string
  readonly content: Content | null = null
  readonly #head: Head
  #headers: Readonly<Record<string, string>> | null = null

  constructor(input: FactsInput) {
    const { target } = input
    this.id = input.id
    this.principal = input.principal
    this.kind = input.kind
    this.method = input.method
    this.scheme = input.scheme
    this.host = target.host
    this.port = target.port
    this.path = target.path
    this.query = target.query
    this.#head = input.head
  }

  /** What goes upstream and what was said to the gate: no credentials, nothing that stays on this hop (I6, I12). */
  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= joined(this.#head)
    return this.#headers
  }
}

function joined(head: Head): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null)
  for (const list of [head.headers, head.ours]) {
    for (let index = 0; index < list.length; index += 2) {
      const name = (list[index] ?? '').toLowerCase()
      const before = headers[name]
      const value = list[index + 1] ?? ''
      headers[name] = before === undefined ? value : `${before}, ${value}`
    }
  }
  return headers
}
