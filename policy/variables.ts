/** The variables that an expression may read, and their types, which an expression is checked against at load. */
import type { RequestFacts } from '../kernel/request.ts'

/** Query parameters or headers of one request; more are too many to judge by. */
const entriesMax = 256

/** Characters of one map of them; an expression may walk over each. */
const charactersMax = 16_384

type TextMap = ReadonlyMap<string, string>

/** There is no `body` in this version: whatever reads it fails to evaluate, and so refuses. */
export type Variables = {
  readonly request: {
    readonly method: string
    readonly scheme: string
    readonly host: string
    readonly port: bigint
    readonly path: string
    readonly query: TextMap
    readonly headers: TextMap
  }
  readonly agent: { readonly name: string; readonly tenant: string; readonly project: string }
  readonly run: { readonly name: string }
  readonly facts: TextMap
}

export type VariableType = 'string' | 'int' | 'texts'

/** Members by variable. `body` and `facts` have none that a load could know. */
export const variableTypes: Readonly<Record<string, Readonly<Record<string, VariableType>>>> = {
  request: {
    method: 'string',
    scheme: 'string',
    host: 'string',
    port: 'int',
    path: 'string',
    query: 'texts',
    headers: 'texts',
  },
  agent: { name: 'string', tenant: 'string', project: 'string' },
  run: { name: 'string' },
}

/** What an opaque tunnel hides of `request`. */
export const hiddenMembers: readonly string[] = ['method', 'path', 'query', 'headers']

const noTexts: TextMap = new Map()

/** The variables for one request. Maps are made when they are read; one that is too large throws then. */
export function variablesOf(facts: RequestFacts): Variables {
  const { principal } = facts
  let query: TextMap | null = null
  let headers: TextMap | null = null
  return {
    request: {
      method: facts.method,
      scheme: facts.scheme,
      host: facts.host,
      port: BigInt(facts.port),
      get path(): string {
        if (facts.path.length > charactersMax) throw new RangeError('the path is too long')
        return facts.path
      },
      get query(): TextMap {
        query ??= firstOf(new URLSearchParams(facts.query))
        return query
      },
      get headers(): TextMap {
        headers ??= firstOf(Object.entries(facts.headers))
        return headers
      },
    },
    agent: {
      name: principal.agent,
      tenant: principal.tenant ?? '',
      project: principal.project ?? '',
    },
    run: { name: principal.run },
    facts: noTexts,
  }
}

function firstOf(entries: Iterable<readonly [string, string]>): TextMap {
  const texts = new Map<string, string>()
  let count = 0
  let characters = 0
  for (const [name, value] of entries) {
    count += 1
    characters += name.length + value.length
    if (count > entriesMax || characters > charactersMax) throw new RangeError('too many entries')
    if (!texts.has(name)) texts.set(name, value)
  }
  return texts
}
