/** The variables that an expression may read, and their types, which an expression is checked against at load. */
import type { Content, FactMap } from '../kernel/content.ts'
import type { RequestFacts } from '../kernel/request.ts'

/** Query parameters or headers of one request; more are too many to judge by. */
const entriesMax = 256

/** Characters of one map of them; an expression may walk over each. */
const charactersMax = 16_384

/** Facts of one body, and characters of all of them. */
const factsMax = 1_024
const factCharactersMax = 65_536

type TextMap = ReadonlyMap<string, string>

type Value = string | bigint | TextMap

export type Variables = {
  readonly request: ReadonlyMap<string, Value>
  readonly agent: TextMap
  readonly run: TextMap
  /** While nobody has read the body, reading this throws, so that not even `has(facts.x)` has a value. */
  readonly facts: FactValues
}

type FactValues = ReadonlyMap<string, string | bigint | number | boolean>

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

/** The variables for one request. Maps are made when they are read; one that is too large throws then. */
export function variablesOf(facts: RequestFacts, content: Content | null): Variables {
  const { principal } = facts
  let factValues: FactValues | null = null
  return {
    request: new Members({
      method: () => facts.method,
      scheme: () => facts.scheme,
      host: () => facts.host,
      port: () => BigInt(facts.port),
      path: () => bounded(facts.path),
      query: () => singleOf(new URLSearchParams(facts.query)),
      headers: () => singleOf(Object.entries(facts.headers)),
    }),
    agent: new Map([
      ['name', principal.agent],
      ['tenant', principal.tenant ?? ''],
      ['project', principal.project ?? ''],
    ]),
    run: new Map([['name', principal.run]]),
    get facts(): FactValues {
      factValues ??= factsOf(readContent(content).facts)
      return factValues
    },
  }
}

/** Throws RangeError while nobody has read the body. */
export function readContent(content: Content | null): Content {
  if (content === null) throw new RangeError('nobody has read the body')
  return content
}

/** Whole numbers are CEL's int, as where a rule's context makes facts of them. */
function factsOf(facts: FactMap): FactValues {
  const values = new Map<string, string | bigint | number | boolean>()
  let characters = 0
  for (const [name, value] of Object.entries(facts)) {
    characters += name.length + (typeof value === 'string' ? value.length : 0)
    if (values.size >= factsMax || characters > factCharactersMax) {
      throw new RangeError('too many facts')
    }
    values.set(name, typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value)
  }
  return values
}

/** A map whose values are made when they are asked for: the language would read all members of an object. */
class Members extends Map<string, Value> {
  readonly #makers: Readonly<Record<string, () => Value>>

  constructor(makers: Readonly<Record<string, () => Value>>) {
    super()
    this.#makers = makers
  }

  override get(name: string): Value | undefined {
    const made = super.get(name)
    if (made !== undefined || !Object.hasOwn(this.#makers, name)) return made
    const value = this.#makers[name]?.()
    if (value !== undefined) this.set(name, value)
    return value
  }

  override has(name: string): boolean {
    return Object.hasOwn(this.#makers, name)
  }
}

function bounded(text: string): string {
  if (text.length > charactersMax) throw new RangeError('too many characters')
  return text
}

/** A name that comes twice has no one value: servers differ in which they take, so that reading it fails. */
function singleOf(entries: Iterable<readonly [string, string]>): TextMap {
  const texts = new Map<string, string>()
  let count = 0
  let characters = 0
  for (const [name, value] of entries) {
    count += 1
    characters += name.length + value.length
    if (count > entriesMax || characters > charactersMax) throw new RangeError('too many entries')
    if (texts.has(name)) throw new RangeError('a name comes twice')
    texts.set(name, value)
  }
  return texts
}
