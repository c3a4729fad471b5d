/** Checks a file against the schema, and says each fault in words that name the key and the way out. */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { didYouMean } from './problem.ts'
import { declarationSchema, schema } from './schema.ts'
import type { Path } from './yaml-text.ts'

export interface ShapeFault {
  readonly path: Path
  readonly part: 'key' | 'value'
  readonly message: string
  /** True where the entry cannot be read on, for its types are not what the reader expects. */
  readonly breaks: boolean
}

// A start waits for this: 20 ms, and 60 with the schema of schemas, which a test checks it against instead.
const ajv = new Ajv2020({
  allErrors: true,
  allowUnionTypes: true,
  code: { optimize: false },
  meta: false,
  strict: true,
  // .inf and .nan are told with the unit that is wanted instead.
  strictNumbers: false,
  validateSchema: false,
  verbose: true,
})

const validate = ajv.compile(schema)

/** Checks the shape of a whole file. */
export function shapeFaults(value: unknown): readonly ShapeFault[] {
  if (validate(value)) return []
  return (validate.errors ?? []).map((error) => faultOf(error, value))
}

/** Checks the shape of a domain that a policy declares; paths begin at the declaration. Compiled at the first one. */
export function declarationFaults(value: unknown): readonly ShapeFault[] {
  const known = ajv.getSchema(declarationSchema.$id) ?? ajv.compile(declarationSchema)
  if (known(value) === true) return []
  return (known.errors ?? []).map((error) => faultOf(error, value))
}

function faultOf(error: ErrorObject, root: unknown): ShapeFault {
  const path = pathOf(error.instancePath, root)
  const name = nameOf(path)
  const fault = (message: string, breaks = false): ShapeFault => {
    return { path, part: 'value', message, breaks }
  }
  const { params } = error
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(path, String(params['additionalProperty']), error)
    case 'required':
      return fault(`the key \`${String(params['missingProperty'])}\` is missing`)
    case 'const':
      return fault(`${name} must be 1: this gate reads version 1`)
    case 'enum': {
      const allowed = (params['allowedValues'] as readonly unknown[]).map(String)
      const guess = typeof error.data === 'string' ? didYouMean(error.data, allowed) : ''
      return fault(`${name} must be one of ${allowed.join(', ')}${guess}`)
    }
    case 'pattern': {
      const words = String(params['pattern'])
        .replaceAll(/[$()^]/g, '')
        .split('|')
      const guess = typeof error.data === 'string' ? didYouMean(error.data, words) : ''
      return fault(`${name} must be one of ${words.join(', ')}, or a map${guess}`)
    }
    case 'type':
      return fault(`${name} must be ${kindsOf(params['type'])}, not ${kindOf(error.data)}`, true)
    case 'minimum':
      return fault(`${name} must be at least ${String(params['limit'])}`)
    case 'maximum':
      return fault(`${name} must be at most ${String(params['limit'])}`)
    case 'minItems':
    case 'minLength':
    case 'minProperties':
      return fault(`${name} is empty; leave the key out instead`, error.keyword === 'minLength')
    default:
      return fault(`${name} is too long: at most ${String(params['limit'])}`, true)
  }
}

function nameOf(path: Path): string {
  const last = path.at(-1)
  if (last === undefined) return 'the file'
  return typeof last === 'string' ? `\`${last}\`` : `each of \`${String(path.at(-2))}\``
}

function unknownKey(path: Path, key: string, error: ErrorObject): ShapeFault {
  const known = Object.keys((error.parentSchema?.['properties'] ?? {}) as object)
  const message = `unknown key \`${key}\`${didYouMean(key, known)}`
  return { path: [...path, key], part: 'key', message, breaks: false }
}

/** JSON Pointer (RFC 6901) to keys; a step is an index where its parent is a list. */
function pathOf(pointer: string, root: unknown): Path {
  const path: (string | number)[] = []
  let node = root
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(node) ? Number(key) : key)
    node = (node as Record<string, unknown> | null)?.[key]
  }
  return path
}

const kinds: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a map',
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'empty',
}

function kindsOf(type: unknown): string {
  const types = Array.isArray(type) ? type : [type]
  return types.map((each) => kinds[String(each)] ?? String(each)).join(' or ')
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return kinds[typeof value] ?? typeof value
}
