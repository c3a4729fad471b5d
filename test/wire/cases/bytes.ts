/** The bytes that most cases are made of, and the expectations that they share. */
import type { Exact, Expect } from '../case.ts'

export const host = 'Host: localhost:{plain}\r\n'

/** A request for a target with header lines behind Host. */
export function ask(method: string, target: string, ...headers: readonly string[]): string {
  const lines = headers.map((header) => `${header}\r\n`).join('')
  return `${method} ${target} HTTP/1.1\r\n${host}${lines}\r\n`
}

/** A GET of a path under the case's own base. */
export const get = (path: string, ...headers: readonly string[]): string =>
  ask('GET', `{base}${path}`, ...headers)

/** A POST with a body that follows as it is. */
export const post = (body: string, ...headers: readonly string[]): string =>
  `${ask('POST', '{base}/post', ...headers)}${body}`

/** A POST in chunks that follow as they are. */
export const chunked = (body: string, ...headers: readonly string[]): string =>
  post(body, 'Transfer-Encoding: chunked', ...headers)

/** A whole request that must never be seen as one: it stands in a body, or behind one. */
export const hidden = 'GET {base}/hidden HTTP/1.1\r\nHost: localhost:{plain}\r\n\r\n'

/** Opens a tunnel to the origin that only records. */
export function connect(target = 'localhost:{tcp}', ...headers: readonly string[]): string {
  const lines = headers.map((header) => `${header}\r\n`).join('')
  return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${lines}\r\n`
}

export const refused: Expect = { outcome: 'refused' }
export const served: Expect = { outcome: 'served' }
export const safe: Expect = { outcome: 'safe' }

export const malformed: Exact = { status: 400, code: 'malformed-request' }
export const denied: Exact = { status: 403, code: 'no-rule', entries: [] }

export const authorization = 'Proxy-Authorization: Basic {auth}'

/** The most that a chunk, or a piece of a flood, is repeated in one step. */
export const kib = (count: number, character = 'x'): string => character.repeat(count * 1024)
