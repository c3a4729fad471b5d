/** The decoders by name. */
import type { Decode, DecoderName } from '../content.ts'
import { decodeAnthropic } from './anthropic.ts'
import { decodeForm } from './form.ts'
import { decodeGemini } from './gemini.ts'
import { decodeGraphQl } from './graphql.ts'
import { decodeJson } from './json.ts'
import { decodeJsonRpc } from './jsonrpc.ts'
import { decodeMcp } from './mcp.ts'
import { decodeOpenAi } from './openai.ts'
import { decodeSql } from './sql.ts'
import { decodeVector } from './vector.ts'

const decoders: Readonly<Record<DecoderName, Decode>> = {
  json: decodeJson,
  form: decodeForm,
  graphql: decodeGraphQl,
  jsonrpc: decodeJsonRpc,
  mcp: decodeMcp,
  openai: decodeOpenAi,
  anthropic: decodeAnthropic,
  gemini: decodeGemini,
  sql: decodeSql,
  vector: decodeVector,
}

/** The decoder of that name. */
export function decoderOf(name: DecoderName): Decode {
  return decoders[name]
}
