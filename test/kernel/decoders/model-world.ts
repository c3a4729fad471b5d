/** Model calls as tests ask for them: the call in short, and what parts add to the bound of its tokens. */
import type { Content, DecoderName } from '../../../kernel/content.ts'
import { callTokens } from '../../../kernel/decoders/model-call.ts'
import { decoded, json, request } from './request.ts'

export const refusedCode = 'validator-refused'

export type Row = readonly [path: string, value: unknown, call: unknown]

export const messages = [{ role: 'user', content: 'hi' }]

export const contentOf = (
  name: DecoderName,
  path: string,
  value: unknown,
  query = '',
): Content | string => decoded(name, request({ path, query, body: json(value) }))

/** The call as [wire, model, streams, choices, tokensOutMax], or the code. */
export function callOf(name: DecoderName, path: string, value: unknown, query = ''): unknown {
  const content = contentOf(name, path, value, query)
  if (typeof content === 'string') return content.slice(0, content.indexOf(':'))
  const { model } = content
  return [model?.wire, model?.model, model?.streams, model?.choices, model?.tokensOutMax]
}

/** What the body adds to the tokens of its text, or the code that refuses it. */
export const added = (content: Content | string, value: unknown): number | string =>
  typeof content === 'string'
    ? content.slice(0, content.indexOf(':'))
    : (content.model?.tokensInMax ?? 0) - json(value).length - callTokens
