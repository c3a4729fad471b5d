/** The routes under the bearer token, served by fastify: strict bodies, bounded, every error a problem. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RouteShorthandOptions,
} from 'fastify'
import { Failure, reasons } from '../kernel/reasons.ts'
import { parametersOf, paramsOf, patternOf } from './path.ts'
import { headersOf, problem, type Reply, textOf } from './problem.ts'
import type { Malformed, Route, RouteContext } from './route.ts'
import { type Caller, may, nobody, rolesOf } from './token.ts'

export interface Api {
  /** Answers a request whose token was found good already. */
  handle(request: IncomingMessage, response: ServerResponse, caller: Caller): void
}

export interface ApiOptions {
  readonly routes: readonly Route[]
  readonly context: RouteContext
  readonly bodyBytesMax: number
  /** Told of an error that is a bug of ours, after it was answered. */
  readonly fault: (error: unknown) => void
}

/** Loads the library and compiles the schemas: 120 ms and 10 MiB (2026-11-21), which a start need not wait for. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { fastify } = await import('fastify')
  const app = fastify({
    bodyLimit: options.bodyBytesMax,
    exposeHeadRoutes: false,
    // Fastify's own choice would drop unknown keys in silence and turn "5" into 5.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
    frameworkErrors: (error, _request, reply) => {
      send(reply, problem(error.statusCode ?? 400, error.message))
    },
  })
  app.removeContentTypeParser('text/plain')
  const callers = new WeakMap<IncomingMessage, Caller>()
  addRoutes(app, options, callers)
  addErrors(app, options)
  await app.ready()
  return {
    handle: (request, response, caller) => {
      callers.set(request, caller)
      app.routing(request, response)
    },
  }
}

function addRoutes(
  app: FastifyInstance,
  { routes, context }: ApiOptions,
  callers: WeakMap<IncomingMessage, Caller>,
): void {
  // Who came in without a role was let in by nobody: a reader, at most.
  const callerOf = (request: FastifyRequest): Caller => callers.get(request.raw) ?? nobody
  for (const route of routes) {
    if (route.access === 'open') continue
    app.route({
      method: route.method,
      url: route.path,
      schema: {
        querystring: route.query ?? noQuery,
        ...(parametersOf(route.path).length === 0 ? {} : { params: paramsOf(route) }),
        ...(route.body === null ? {} : { body: route.body }),
      },
      ...malformedOf(route, context),
      onRequest: async (request, reply) => {
        const { role } = callerOf(request)
        if (may(role, route.access)) return
        const detail = `The role ${role} may not ask this; it needs the role ${rolesOf(route.access)}.`
        return send(reply, problem(403, detail))
      },
      handler: async (request, reply) => {
        const { body } = request
        const caller = callerOf(request)
        const params = request.params as Readonly<Record<string, string>>
        const query = request.query as Readonly<Record<string, string>>
        const call = { body, caller, params, query, role: caller.role }
        return send(reply, await route.handle(context, call))
      },
    })
  }
}

/** A route that records what is malformed hears of it first. */
function malformedOf({ malformed }: Route, context: RouteContext): Partial<RouteShorthandOptions> {
  if (malformed === undefined) return {}
  return {
    errorHandler: async (error, _request, reply) => {
      const why = malformedBy(error)
      if (why === null) throw error
      return send(reply, await malformed(context, why))
    },
  }
}

function malformedBy(error: FastifyError): Malformed | null {
  if (error instanceof Failure) return null
  const [first] = error.validation ?? []
  if (first !== undefined) {
    const isTooLarge = first.keyword === 'maxItems'
    return { status: 400, detail: sentenceOf(error), isTooLarge }
  }
  const status = statuses.find((each) => each === error.statusCode)
  if (status === undefined) return null
  return { status, detail: error.message, isTooLarge: status === 413 }
}

const statuses = [400, 413, 415] as const

const noQuery = { type: 'object', additionalProperties: false, properties: {} }

function addErrors(app: FastifyInstance, { routes, fault }: ApiOptions): void {
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]
    const methods = routes
      .filter((route) => patternOf(route.path).test(path ?? ''))
      .map(({ method }) => method)
    if (methods.length === 0) return send(reply, problem(404, 'There is no such route.'))
    const allow = methods.join(', ')
    return send(reply, problem(405, `This route answers ${allow}.`, { allow }))
  })
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500
    if (error instanceof Failure) {
      return send(reply, problem(reasons[error.code].status, error.message))
    }
    if (error.validation !== undefined) return send(reply, problem(400, sentenceOf(error)))
    if (status >= 400 && status < 500) return send(reply, problem(status, error.message))
    fault(error)
    return send(reply, problem(500, 'The control listener met a fault of its own.'))
  })
}

/** `body/amount must be integer`, and for an unknown key its name, which the validator leaves out. */
function sentenceOf({ validation, validationContext, message }: FastifyError): string {
  const first = validation?.[0]
  const unknown = first?.params['additionalProperty']
  if (first === undefined || typeof unknown !== 'string') return message
  const where = `${validationContext ?? 'body'}${first.instancePath}`
  return `${where} has an unknown key ${JSON.stringify(unknown.slice(0, 64))}`
}

/** As bytes: to a text, fastify would add a charset that problem+json does not have (RFC 8259 §11). */
function send(reply: FastifyReply, answer: Reply): FastifyReply {
  const bytes = Buffer.from(textOf(answer))
  return reply.code(answer.status).headers(headersOf(answer)).send(bytes)
}
