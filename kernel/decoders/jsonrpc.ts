/** Reads one JSON-RPC 2.0 call or notification. Batches are refused: each call of one would need its own verdict. */
import type { Decoded, Undecoded } from '../content.ts'
import { objectBody } from './json-body.ts'
import type { JsonObject } from './member.ts'
import { listOf, objectOf } from './member.ts'
import { read, refused } from './outcome.ts'

/** The members that JSON-RPC 2.0 gives a meaning to. */
export const rpcNames = ['jsonrpc', 'method', 'params', 'id', 'result', 'error']

/** What is wrong with the frame of a JSON-RPC message, as a sentence; null where nothing is. */
export function rpcProblem(message: JsonObject): string | null {
  if (message['jsonrpc'] !== '2.0') return 'The body is not JSON-RPC 2.0.'
  const { id, params } = message
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') {
    return 'The id of a JSON-RPC message is a string or a number.'
  }
  if (params !== undefined && objectOf(params) === null && listOf(params) === null) {
    return 'The params of a JSON-RPC call are an object or a list.'
  }
  return null
}

/** Reads one call. */
export function decodeJsonRpc(undecoded: Undecoded): Decoded {
  if (undecoded.method !== 'POST') return refused('A JSON-RPC call is sent by POST.')
  const json = objectBody(undecoded, rpcNames)
  if (!json.ok) return json
  const problem = rpcProblem(json.object)
  if (problem !== null) return refused(problem)
  const { method, id } = json.object
  if (typeof method !== 'string') return refused('A JSON-RPC call names its method.')
  const facts = { rpc_method: method, rpc_notification: id === undefined }
  return read({ decoder: 'jsonrpc', body: json.body, facts, model: null })
}
