/** Paths of routes that have parts which are given: `/api/v1/approvals/:id/approve`. */
import type { Route } from './route.ts'
import type { Schema } from './schemas.ts'

const parameter = /:([a-z]+)/g

/** What a part of a path may be where its route says no more: a name, an id. */
const named: Schema = { type: 'string', minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9._-]+$' }

/** The names of the parts that are given. */
export function parametersOf(path: string): readonly string[] {
  return [...path.matchAll(parameter)].map(([, name = '']) => name)
}

/** The schema of these parts. */
export function paramsOf({ params, path }: Pick<Route, 'params' | 'path'>): Schema {
  if (params !== undefined) return params
  const names = parametersOf(path)
  const properties = Object.fromEntries(names.map((name) => [name, named]))
  return { type: 'object', additionalProperties: false, properties, required: names }
}

/** The paths that a route answers. */
export function patternOf(path: string): RegExp {
  const parts = path.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : escaped(part)))
  return new RegExp(`^${parts.join('/')}$`)
}

/** As OpenAPI writes it: `/api/v1/approvals/{id}/approve`. */
export function templateOf(path: string): string {
  return path.replaceAll(parameter, '{$1}')
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
