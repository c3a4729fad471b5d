/**
 * Reads one message of the Model Context Protocol over streamable HTTP: which method, and of which tool, resource or prompt.
 *
 * source  modelcontextprotocol.io, specification 2025-06-18, basic/transports (batches are gone since) and server features.
 */
import type { Decoded, FactMap, Json, Undecoded } from '../content.ts'
import { objectBody } from './json-body.ts'
import { rpcNames, rpcProblem } from './jsonrpc.ts'
import { type JsonObject, misspelled, objectOf, stringOf } from './member.ts'
import { read, refused } from './outcome.ts'

/** Methods without a body: the stream of the server's messages, and the end of a session. */
const bodiless: ReadonlyMap<string, string> = new Map([
  ['GET', 'stream'],
  ['DELETE', 'end'],
])

/** Which member of the params says what a method is about, and which fact that becomes. */
const subjects: ReadonlyMap<string, readonly [fact: string, member: string]> = new Map([
  ['tools/call', ['mcp_tool', 'name']],
  ['prompts/get', ['mcp_prompt', 'name']],
  ['resources/read', ['mcp_resource', 'uri']],
  ['resources/subscribe', ['mcp_resource', 'uri']],
  ['resources/unsubscribe', ['mcp_resource', 'uri']],
])

function factsOf(method: string, subject: FactMap): FactMap {
  return { mcp_method: method, mcp_tool: '', mcp_resource: '', mcp_prompt: '', ...subject }
}

const mcp = (body: Json, facts: FactMap): Decoded =>
  read({ decoder: 'mcp', body, facts, model: null })

function call(message: JsonObject, method: string): Decoded {
  const subject = subjects.get(method)
  if (subject === undefined) return mcp(message, factsOf(method, {}))
  const [fact, member] = subject
  const params = objectOf(message['params'])
  const name = stringOf(params?.[member])
  if (params === null || name === null) return refused(`${method} does not say params.${member}.`)
  if (misspelled(params, [member, 'arguments']) !== null) {
    return refused(`The params of ${method} have a name in another case.`)
  }
  return mcp(message, factsOf(method, { [fact]: name }))
}

export function decodeMcp(undecoded: Undecoded): Decoded {
  const named = bodiless.get(undecoded.method)
  if (named !== undefined) {
    if (undecoded.body.length > 0) return refused('This method of MCP has no body.')
    return mcp(null, factsOf(named, {}))
  }
  if (undecoded.method !== 'POST') return refused('MCP knows POST, GET and DELETE.')
  const json = objectBody(undecoded, rpcNames)
  if (!json.ok) return json
  const problem = rpcProblem(json.object)
  if (problem !== null) return refused(problem)
  const { method, result, error } = json.object
  const answers = result !== undefined || error !== undefined
  if (method === undefined && answers) return mcp(json.body, factsOf('response', {}))
  if (typeof method !== 'string' || answers) {
    return refused('A message of MCP is one call, one notification or one response.')
  }
  return call(json.object, method)
}
