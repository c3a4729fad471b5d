/** Which facts each decoder states, and of what type: all of them, always, so that an expression never finds one missing. */
import type { DecoderName } from '../content.ts'

export type FactType = 'string' | 'int' | 'bool'

const ofModels = {
  model: 'string',
  streams: 'bool',
  tools: 'string',
  message_count: 'int',
} as const

/** Facts by decoder. A name keeps its type for ever: policies hold it. */
export const factTypes: Readonly<Record<DecoderName, Readonly<Record<string, FactType>>>> = {
  json: {},
  form: {},
  graphql: { graphql_operation: 'string', graphql_type: 'string', graphql_fields: 'string' },
  jsonrpc: { rpc_method: 'string', rpc_notification: 'bool' },
  mcp: { mcp_method: 'string', mcp_tool: 'string', mcp_resource: 'string', mcp_prompt: 'string' },
  openai: ofModels,
  anthropic: ofModels,
  gemini: ofModels,
  sql: { sql_class: 'string', sql_statements: 'int', sql_limit: 'int', sql_tables: 'string' },
  vector: {
    vector_store: 'string',
    vector_op: 'string',
    collection: 'string',
    top_k: 'int',
    vector_queries: 'int',
  },
}
