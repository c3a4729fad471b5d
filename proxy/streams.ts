/** Serves the streams of one HTTP/2 connection: each is an exchange of its own, and all have the same client. */
import type { TLSSocket } from 'node:tls'
import { Client } from './client.ts'
import type { Connection } from './context.ts'
import type { Desk } from './desk.ts'
import { Exchange } from './exchange.ts'
import type { H2Request } from './h2/request.ts'
import type { H2Response } from './h2/response.ts'
import { serveH2 } from './h2/serve.ts'
import { launch } from './launch.ts'
import { sever } from './sever.ts'

export function serveStreams(desk: Desk, connection: Connection, socket: TLSSocket): void {
  if (socket.destroyed) return
  const { context } = desk
  const { after, gate, limits, log, monotonic } = context
  const client = new Client(connection, socket, desk.ahead)
  // Nothing on it is HTTP/1.1: it is open as a tunnel is.
  client.done = true
  desk.clients.set(socket, client)
  const exchanges = new Map<H2Response, Exchange>()
  const onRequest = (request: H2Request, response: H2Response): void => {
    const exchange = new Exchange(desk, client, { request, response })
    exchanges.set(response, exchange)
    response.once('close', () => {
      exchanges.delete(response)
      exchange.abandon()
    })
    launch(log, exchange.run(), () => response.destroy())
  }
  const { listener, principal } = connection
  const served = serveH2({
    socket,
    limits: {
      headerBytesMax: limits.headerBytesMax,
      headerCountMax: limits.headerCountMax,
      idleTimeoutMs: limits.idleTimeoutMs,
      keepAliveTimeoutMs: limits.keepAliveTimeoutMs,
      lingerBytesMax: limits.lingerBytesMax,
      lingerMs: limits.lingerMs,
    },
    monotonicMs: monotonic,
    after,
    onRequest,
    onMalformed: (message) => {
      const rejected = gate.reject({ code: 'malformed-request', message, principal, listener })
      launch(log, rejected, () => sever([socket]))
    },
    onIdle: (response) => {
      if (exchanges.get(response)?.waitsForClient !== false) response.destroy()
    },
    onEnd: () => {
      desk.clients.delete(socket)
      desk.streams.delete(served)
      ended()
      socket.destroy()
    },
  })
  const ended = after(limits.tunnelLifetimeMs, () => sever([socket]))
  desk.streams.add(served)
  if (desk.ending) served.close()
}
