/** Answers a refusal as the response to a request, so that the client gets to read it even while it still sends. */
import type { Refusal } from '../gate/refusal.ts'
import type { Desk } from './desk.ts'
import type { RequestMessage, ResponseMessage } from './h2/message.ts'
import { refusalMessage } from './refuse.ts'

/** After these the bytes that follow cannot be trusted to be a request. */
const closing: ReadonlySet<number> = new Set([400, 408, 413, 414, 417, 431])

/** Answers once; what the client still sends of the body is read for a while and thrown away. */
export function answerRequest(
  desk: Desk,
  refusal: Refusal,
  exchange: {
    readonly request: RequestMessage
    readonly response: ResponseMessage
    /** Whether a client that asked was told to send its body. */
    readonly continued?: boolean
  },
): void {
  const { request, response } = exchange
  if (response.destroyed || response.headersSent) return
  const { status, phrase, headers, body } = refusalMessage(refusal)
  const sending = !request.complete
  if (closing.has(status) || sending || desk.ending) response.shouldKeepAlive = false
  response.sendDate = false
  response.writeHead(status, phrase, headers)
  // A client that waits for 100 Continue sends no body: nothing to read off. A stream reads on by itself.
  const asks = request.headers.expect !== undefined && exchange.continued !== true
  if (!sending || asks || request.httpVersion === 'h2') {
    response.end(body)
    return
  }
  response.write(body)
  linger(desk, exchange)
}

/** Reads on, bounded in bytes and time: closing with unread bytes would reset the connection (RFC 9112 section 9.6). */
export function linger(
  desk: Desk,
  exchange: { readonly request: RequestMessage; readonly response: ResponseMessage },
): void {
  const { request, response } = exchange
  const { lingerBytesMax, lingerMs } = desk.context.limits
  let left = lingerBytesMax
  const cancel = desk.context.after(lingerMs, end)
  function end(): void {
    cancel()
    if (!response.writableEnded) response.end()
  }
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  })
  request.once('end', end)
  response.once('close', cancel)
  request.resume()
}
