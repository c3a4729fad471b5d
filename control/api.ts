/** The routes under the bearer token, served by fastify: strict bodies, bounded, every error a problem. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Failure, reasons } from '../kernel/reasons.ts'
import { headersOf, problem, type Reply, textOf } from './problem.ts'
import type { Route, RouteContext } from './route.ts'
import { mayOrder, type Role } from './token.ts'

export interface Api {
  /** Answers a request whose token was found good already. */
  handle(request: IncomingMessage, response: ServerResponse, role: Role): void
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
  const roles = new WeakMap<IncomingMessage, Role>()
  addRoutes(app, options, roles)
  addErrors(app, options)
  await app.ready()
  return {
    handle: (request, response, role) => {
      roles.set(request, role)
      app.routing(request, response)
    },
  }
}

function addRoutes(
  app: FastifyInstance,
  { routes, context }: ApiOptions,
  roles: WeakMap<IncomingMessage, Role>,
): void {
  // Who came in without a role was let in by nobody: a reader, at most.
  const roleOf = (request: FastifyRequest): Role => roles.get(request.raw) ?? 'viewer'
  for (const route of routes) {
    if (route.access === 'open') continue
    app.route({
      method: route.method,
      url: route.path,
      schema: { querystring: noQuery, ...(route.body === null ? {} : { body: route.body }) },
      onRequest: async (request, reply) => {
        if (route.access !== 'order' || mayOrder(roleOf(request))) return
        const detail = `The role ${roleOf(request)} reads; ordering needs the role operator.`
        return send(reply, problem(403, detail))
      },
      handler: async (request, reply) => {
        const { body } = request
        return send(reply, await route.handle(context, { body, role: roleOf(request) }))
      },
    })
  }
}

const noQuery = { type: 'object', additionalProperties: false, properties: {} }

function addErrors(app: FastifyInstance, { routes, fault }: ApiOptions): void {
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]
    const methods = routes.filter((route) => route.path === path).map(({ method }) => method)
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
