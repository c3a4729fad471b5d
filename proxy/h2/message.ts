/**
 * What an exchange uses of a client's request and of the response to it: Node's own classes for HTTP/1.1 have these
 * members, and so have the ones here for a stream of HTTP/2.
 */
import type { OutgoingHttpHeaders } from 'node:http'

export interface RequestMessage {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  /** Flat name, value, name, value …: as Node reads them. */
  readonly rawHeaders: readonly string[]
  readonly headers: { readonly expect?: string | undefined }
  /** Whether its last byte was read. */
  readonly complete: boolean
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  on(event: 'end', listener: () => void): unknown
  once(event: 'end', listener: () => void): unknown
  off(event: 'data', listener: (chunk: Buffer) => void): unknown
  off(event: 'end', listener: () => void): unknown
  pause(): unknown
  resume(): unknown
}

export interface ResponseMessage {
  readonly headersSent: boolean
  readonly statusCode: number
  readonly writableEnded: boolean
  readonly writableNeedDrain: boolean
  readonly destroyed: boolean
  /** Means nothing where streams share a connection. */
  shouldKeepAlive: boolean
  sendDate: boolean
  /** headers  flat, or by name. */
  writeHead(status: number, phrase: string, headers: string[] | OutgoingHttpHeaders): unknown
  flushHeaders(): void
  writeContinue(): void
  /** False where the client is slower: 'drain' follows. */
  write(chunk: Buffer | string): boolean
  addTrailers(trailers: [string, string][]): void
  end(chunk?: Buffer | string): unknown
  /** Ends it so that nobody takes it for whole. */
  destroy(): unknown
  on(event: 'drain' | 'close', listener: () => void): unknown
  once(event: 'drain' | 'close', listener: () => void): unknown
}

/** A request and the response to it. */
export interface Messages {
  readonly request: RequestMessage
  readonly response: ResponseMessage
}
