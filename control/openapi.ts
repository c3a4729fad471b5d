/** The OpenAPI 3.1 page, built from the route table, so that it cannot say what the listener does not do. */
import { parametersOf, paramsOf, templateOf } from './path.ts'
import type { Route } from './route.ts'
import { problemAnswer, type Schema } from './schemas.ts'

const refusals: Readonly<Record<number, string>> = {
  400: 'Malformed: unknown key, wrong type, bad JSON.',
  401: 'No token, or one that is not known.',
  403: "Another origin's request, or a role that may not order.",
  404: 'There is nothing by this name.',
  409: 'The gate refused the order: reasons say why.',
  413: 'The body is too large.',
  415: 'The body is not application/json.',
  421: 'The Host header is not of this listener.',
  422: 'The policy has problems: each is listed.',
  429: 'Too many wrong tokens.',
  503: 'The gate cannot do it: sealed, draining, or its ledger cannot write.',
}

function refusalsOf(route: Route): readonly number[] {
  const guarded = route.access === 'open' ? [] : [401, 429]
  const bodied = route.body === null ? [] : [413, 415]
  return [...new Set([400, 403, 421, ...guarded, ...bodied, ...route.refuses])].sort()
}

function operationOf(route: Route): object {
  const { answer, body, summary, access } = route
  const problem = {
    'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
  }
  const refused = refusalsOf(route).map((status) => {
    // A gate that is not ready says so in the same words as one that is.
    const content = access === 'open' && status === 503 ? contentOf(answer) : problem
    return [String(status), { description: refusals[status] ?? 'Refused.', content }] as const
  })
  return {
    summary,
    security: access === 'open' ? [] : [{ bearer: [] }],
    ...parametersIn(route),
    ...(body === null ? {} : { requestBody: requestBodyOf(body) }),
    responses: {
      200: { description: 'Done.', content: contentOf(answer) },
      ...Object.fromEntries(refused),
    },
  }
}

/** Parts of the path and of the query, each as its schema has it. */
function parametersIn(route: Route): object {
  const inPath = parametersOf(route.path).map((name) => {
    return { name, in: 'path', required: true, schema: propertyOf(paramsOf(route), name) }
  })
  const { query } = route
  const inQuery = Object.keys(propertiesOf(query ?? {})).map((name) => {
    return { name, in: 'query', required: false, schema: propertyOf(query ?? {}, name) }
  })
  const parameters = [...inPath, ...inQuery]
  return parameters.length === 0 ? {} : { parameters }
}

const propertiesOf = (schema: Schema): Readonly<Record<string, unknown>> =>
  (schema['properties'] ?? {}) as Readonly<Record<string, unknown>>

const propertyOf = (schema: Schema, name: string): unknown => propertiesOf(schema)[name] ?? {}

function contentOf({ type, schema }: Route['answer']): object {
  return { [type]: { schema } }
}

function requestBodyOf(schema: NonNullable<Route['body']>): object {
  return { required: 'required' in schema, content: { 'application/json': { schema } } }
}

export function openApi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = templateOf(route.path)
    const operations = paths[path] ?? {}
    operations[route.method.toLowerCase()] = operationOf(route)
    paths[path] = operations
  }
  return {
    openapi: '3.1.0',
    info: { title: 'haltgate control API', version },
    paths,
    components: {
      schemas: { Problem: problemAnswer },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  }
}
