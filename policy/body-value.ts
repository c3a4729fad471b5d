/** Makes of a decoded body what an expression reads: lists and maps, so many and so long that judging them stays cheap. */
import type { Json } from '../kernel/content.ts'

/** Values in one body; the rest of what it costs to read them is in proportion. */
const nodesMax = 262_144

/** A macro walks over every element, and calls what it likes for each. */
const elementsMax = 4_096

/** Characters of all texts and names of a body. */
const charactersMax = 4 * 1024 * 1024

/** Of lists and maps inside each other. */
const depthMax = 128

/** Cost of one value beside its characters, in characters. */
const nodeCost = 64

/** An object is a list of such values, or what the language has for a map of them. */
export type BodyValue = null | boolean | number | string | object

export interface ReadableBody {
  readonly value: BodyValue
  /** What one walk over it costs, in characters. */
  readonly size: number
}

/** How the language of expressions has a map. */
export type MakeMap = (members: ReadonlyMap<string, BodyValue>) => object

/** Throws RangeError where the body is too large to judge by. */
export function readableBody(json: Json, makeMap: MakeMap): ReadableBody {
  const walk = new Walk(makeMap)
  const value = walk.valueOf(json, 0)
  return { value, size: walk.characters + walk.nodes * nodeCost }
}

class Walk {
  nodes = 0
  characters = 0
  readonly #makeMap: MakeMap

  constructor(makeMap: MakeMap) {
    this.#makeMap = makeMap
  }

  valueOf(json: Json, depth: number): BodyValue {
    this.nodes += 1
    if (this.nodes > nodesMax || depth > depthMax) throw new RangeError('too many values')
    if (typeof json === 'string') this.#count(json)
    if (typeof json !== 'object' || json === null) return json
    if (isList(json)) {
      if (json.length > elementsMax) throw new RangeError('too many elements')
      return json.map((each) => this.valueOf(each, depth + 1))
    }
    const names = Object.keys(json)
    if (names.length > elementsMax) throw new RangeError('too many members')
    const members = new Map<string, BodyValue>()
    for (const name of names) {
      this.#count(name)
      members.set(name, this.valueOf(json[name] ?? null, depth + 1))
    }
    return this.#makeMap(members)
  }

  #count(text: string): void {
    this.characters += text.length
    if (this.characters > charactersMax) throw new RangeError('too many characters')
  }
}

function isList(
  json: readonly Json[] | { readonly [name: string]: Json },
): json is readonly Json[] {
  return Array.isArray(json)
}
