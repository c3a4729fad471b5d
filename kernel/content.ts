/** What a decoder read of a request's body: data to judge by, and what the call is. Bodies are never recorded (I6). */
import type { ReasonCode } from './reasons.ts'

/** A value as JSON has it. Objects have no prototype's members: made by Object.create(null), or of checked names. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json }

/** The decoders, by the names that a policy gives them. Never renamed: policies and entries hold them. */
export const decoderNames = [
  'json',
  'form',
  'graphql',
  'jsonrpc',
  'mcp',
  'openai',
  'anthropic',
  'gemini',
  'sql',
  'vector',
] as const

export type DecoderName = (typeof decoderNames)[number]

/** Facts by name, as an expression reads them under `facts`. */
export type FactMap = Readonly<Record<string, string | number | boolean>>

/** Whose wire format a model call speaks. */
export type ModelWire = 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini'

/** A call of a language model, as far as its cost is concerned. */
export interface ModelCall {
  readonly wire: ModelWire
  readonly model: string
  /** Whether the answer is asked for as an event stream. */
  readonly streams: boolean
  /** No tokenizer makes more tokens than this of what the request says. */
  readonly tokensInMax: number
  /** Output tokens that the request allows in all (times n, candidates …); null where it sets no bound. */
  readonly tokensOutMax: number | null
  /** How often the bound counts: OpenAI's `n`, Gemini's candidateCount. 1 or more. */
  readonly choices: number
}

/** What a decoder made of one whole body. */
export interface Content {
  readonly decoder: DecoderName
  /** What `body` is in an expression. */
  readonly body: Json
  readonly facts: FactMap
  readonly model: ModelCall | null
}

export type Decoded =
  | { readonly ok: true; readonly content: Content }
  | { readonly ok: false; readonly code: ReasonCode; readonly message: string }

/** What a decoder is given: pure data, so that it can be judged again. */
export interface Undecoded {
  readonly method: string
  readonly path: string
  readonly query: string
  /** Value of Content-Type; empty where there is none. */
  readonly contentType: string
  /** The whole body, content codings already taken off. */
  readonly body: Uint8Array
}

/** Total, pure and linear in the body; whatever it cannot read is a refusal. */
export type Decode = (undecoded: Undecoded) => Decoded
