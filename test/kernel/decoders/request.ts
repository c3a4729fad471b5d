/** Requests as decoders are given them, and the two short forms of what decoders answer. */
import type { Content, DecoderName, Undecoded } from '../../../kernel/content.ts'
import { decoderOf } from '../../../kernel/decoders/index.ts'
import { bytesOf } from '../../../kernel/decoders/utf8.ts'

export const json = (value: unknown): Uint8Array => bytesOf(JSON.stringify(value))

/** A request by POST with a JSON body, but for what is said otherwise. */
export function request(change: Partial<Undecoded> & { readonly text?: string } = {}): Undecoded {
  const { text, ...others } = change
  return {
    method: 'POST',
    path: '/',
    query: '',
    contentType: 'application/json',
    body: bytesOf(text ?? ''),
    ...others,
  }
}

/** The content that the decoder reads, or `code: message`. */
export function decoded(name: DecoderName, asked: Undecoded): Content | string {
  const answer = decoderOf(name)(asked)
  return answer.ok ? answer.content : `${answer.code}: ${answer.message}`
}

/** The facts that the decoder states, or the code alone. */
export function factsOr(name: DecoderName, asked: Undecoded): Content['facts'] | string {
  const answer = decoderOf(name)(asked)
  return answer.ok ? answer.content.facts : answer.code
}

/**
 * Characters that are looked at while `run` works: each is one step, and a piece cut out or searched is as many as it has.
 * The prototype is put back before anybody else can run.
 */
export function stepsOf(run: () => void): number {
  const { charCodeAt, charAt, slice, startsWith } = String.prototype
  let steps = 0
  String.prototype.charCodeAt = function (at: number): number {
    steps += 1
    return charCodeAt.call(this, at)
  }
  String.prototype.charAt = function (at: number): string {
    steps += 1
    return charAt.call(this, at)
  }
  String.prototype.slice = function (from?: number, to?: number): string {
    const piece = slice.call(this, from, to)
    steps += piece.length
    return piece
  }
  String.prototype.startsWith = function (text: string, at?: number): boolean {
    steps += text.length
    return startsWith.call(this, text, at)
  }
  try {
    run()
  } finally {
    Object.assign(String.prototype, { charCodeAt, charAt, slice, startsWith })
  }
  return steps
}
