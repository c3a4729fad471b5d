/**
 * Takes the content coding off a body, so that it can be judged. What was judged is what goes on, without the coding:
 * peers differ in what they read of a stream with more than one member or with bytes behind its end (I12). Every
 * result is bounded: a body that unfolds to more than it may is refused, never judged in part.
 */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { ReasonCode } from '../../kernel/reasons.ts'

export type Uncoded =
  | { readonly ok: true; readonly body: Buffer }
  | {
      readonly ok: false
      readonly code: Extract<ReasonCode, 'malformed-request' | 'request-too-large'>
      readonly message: string
    }

type Unfold = (body: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>

const gunzipped = promisify<Buffer, object, Buffer>(gunzip)
const inflated = promisify<Buffer, object, Buffer>(inflate)
const unbrotlied = promisify<Buffer, object, Buffer>(brotliDecompress)

const unfolds: Readonly<Record<string, Unfold>> = {
  gzip: (body, options) => gunzipped(body, options),
  'x-gzip': (body, options) => gunzipped(body, options),
  deflate: (body, options) => inflated(body, options),
  br: (body, options) => unbrotlied(body, options),
}

/**
 * One coding at most: a body that is coded twice is refused.
 *
 * coding     value of Content-Encoding, empty where there is none.
 * bytesMax   of the result.
 */
export async function uncode(body: Buffer, coding: string, bytesMax: number): Promise<Uncoded> {
  const name = coding.trim().toLowerCase()
  if (name === '' || name === 'identity') return { ok: true, body }
  const unfold = Object.hasOwn(unfolds, name) ? unfolds[name] : undefined
  if (unfold === undefined) {
    const message = `The body has the content coding ${shown(name)}, which the gate cannot read: send it as it is, or with gzip, deflate or br.`
    return { ok: false, code: 'malformed-request', message }
  }
  try {
    return { ok: true, body: await unfold(body, { maxOutputLength: bytesMax }) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      const message = `The body unfolds to more than ${bytesMax} bytes.`
      return { ok: false, code: 'request-too-large', message }
    }
    return { ok: false, code: 'malformed-request', message: `The body is not valid ${name}.` }
  }
}

function shown(name: string): string {
  return /^[a-z0-9, _-]{1,40}$/.test(name) ? name : 'of another name'
}
