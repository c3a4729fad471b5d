/** The decoders of plain formats: JSON, forms, JSON-RPC and MCP, and what they share. */
import { test } from 'tap'
import { decoderNames } from '../../../kernel/content.ts'
import { factTypes } from '../../../kernel/decoders/facts.ts'
import { pairsMax } from '../../../kernel/decoders/form-text.ts'
import { filterTools } from '../../../kernel/decoders/mcp-tools.ts'
import { mediaTypeOf } from '../../../kernel/decoders/media-type.ts'
import { bytesOf, textOf } from '../../../kernel/decoders/utf8.ts'
import { decoded, factsOr, json, request } from './request.ts'

test('a body is judged as JSON only where its server would read it as JSON', async (t) => {
  const types: readonly (readonly [contentType: string, isRead: boolean])[] = [
    ['application/json', true],
    ['Application/JSON; charset="UTF-8"', true],
    ['application/vnd.api+json; charset=utf8', true],
    ['text/json', true],
    ['application/x-amz-json-1.1', true],
    ['', true],
    ['application/json; charset=utf-16', false],
    ['application/json; charset=utf-8; charset=utf-7', false],
    ['application/x-www-form-urlencoded', false],
    ['multipart/form-data; boundary=x', false],
    ['text/plain', false],
    ['application/json, text/plain', false],
  ]
  for (const [contentType, isRead] of types) {
    const content = decoded('json', request({ contentType, text: '{"a":1}' }))
    t.equal(typeof content === 'string', !isRead, contentType)
    if (typeof content !== 'string') t.match(content, { body: { a: 1 }, facts: {}, model: null })
  }
  t.equal(mediaTypeOf('a b/c'), 'unreadable')
})

test('a body that is no JSON is malformed, and one of another type is refused', async (t) => {
  t.match(decoded('json', request({ text: '{"a":1,"a":2}' })), /^malformed-request/)
  t.match(decoded('json', request({ text: '' })), /^malformed-request/)
  t.match(decoded('json', request({ contentType: 'text/plain' })), /^validator-refused/)
})

const form = 'application/x-www-form-urlencoded'

test('a form is read where all servers read it alike', async (t) => {
  const forms: readonly (readonly [text: string, body: Record<string, string> | string])[] = [
    ['', {}],
    ['a=1&b=x+y%20z', { a: '1', b: 'x y z' }],
    ['a&=b&&', { a: '', '': 'b' }],
    ['a=b=c', { a: 'b=c' }],
    ['__proto__=1', JSON.parse('{"__proto__":"1"}')],
    ['%C3%A9=%E2%82%AC', { '\u00e9': '\u20ac' }],
    ['a=1&a=2', 'malformed-request'],
    ['a=1&%61=2', 'malformed-request'],
    ['a=%', 'malformed-request'],
    ['a=%zz', 'malformed-request'],
    ['%ff=1', 'malformed-request'],
    ['a=1;b=2', 'malformed-request'],
    ['a&'.repeat(pairsMax), 'malformed-request'],
  ]
  for (const [text, body] of forms) {
    const content = decoded('form', request({ contentType: form, text }))
    if (typeof body === 'string') t.match(content, new RegExp(`^${body}`), text.slice(0, 20))
    else t.strictSame({ ...Object(Object(content).body) }, body, text)
  }
  t.match(decoded('form', request({ text: 'a=1' })), /^validator-refused/)
  const latin = request({ contentType: form, body: new Uint8Array([0x61, 0xff]) })
  t.match(decoded('form', latin), /^malformed-request/)
  const content = decoded('form', request({ contentType: form, text: 'a=1' }))
  t.equal(Object.getPrototypeOf(Object(content).body), null)
})

test('a JSON-RPC call is one call', async (t) => {
  const call = { jsonrpc: '2.0', method: 'add', params: [1], id: 7 }
  const calls: readonly (readonly [value: unknown, facts: unknown])[] = [
    [call, { rpc_method: 'add', rpc_notification: false }],
    [
      { ...call, id: 'x', params: {} },
      { rpc_method: 'add', rpc_notification: false },
    ],
    [
      { ...call, id: null },
      { rpc_method: 'add', rpc_notification: false },
    ],
    [
      { jsonrpc: '2.0', method: 'note' },
      { rpc_method: 'note', rpc_notification: true },
    ],
    [[call, call], 'validator-refused'],
    [{ ...call, jsonrpc: '1.0' }, 'validator-refused'],
    [{ ...call, id: {} }, 'validator-refused'],
    [{ ...call, params: 'x' }, 'validator-refused'],
    [{ ...call, method: 1 }, 'validator-refused'],
    [{ ...call, Method: 'delete' }, 'validator-refused'],
    [{ ...call, '\u212Aey': 1, 'param\u017F': 1 }, 'validator-refused'],
    ['add', 'validator-refused'],
    [null, 'validator-refused'],
  ]
  for (const [value, facts] of calls) {
    t.same(factsOr('jsonrpc', request({ body: json(value) })), facts, JSON.stringify(value))
  }
  t.equal(factsOr('jsonrpc', request({ method: 'GET', body: json(call) })), 'validator-refused')
  t.equal(factsOr('jsonrpc', request({ text: '{' })), 'malformed-request')
})

const none = { mcp_tool: '', mcp_resource: '', mcp_prompt: '' }

test('an MCP message says its method, and which tool, prompt or resource it is about', async (t) => {
  const message = (method: string, params?: unknown): unknown => ({
    jsonrpc: '2.0',
    id: 1,
    method,
    ...(params === undefined ? {} : { params }),
  })
  const messages: readonly (readonly [value: unknown, facts: unknown])[] = [
    [message('initialize', {}), { mcp_method: 'initialize', ...none }],
    [message('ping'), { mcp_method: 'ping', ...none }],
    [message('notifications/cancelled', {}), { mcp_method: 'notifications/cancelled', ...none }],
    [
      message('tools/call', { name: 'send_mail', arguments: { to: 'a' } }),
      { mcp_method: 'tools/call', ...none, mcp_tool: 'send_mail' },
    ],
    [
      message('prompts/get', { name: 'greet' }),
      { mcp_method: 'prompts/get', ...none, mcp_prompt: 'greet' },
    ],
    [
      message('resources/read', { uri: 'file:///x' }),
      { mcp_method: 'resources/read', ...none, mcp_resource: 'file:///x' },
    ],
    [
      { jsonrpc: '2.0', id: 1, result: {} },
      { mcp_method: 'response', ...none },
    ],
    [
      { jsonrpc: '2.0', id: 1, error: {} },
      { mcp_method: 'response', ...none },
    ],
    [message('tools/call'), 'validator-refused'],
    [message('tools/call', { name: 1 }), 'validator-refused'],
    [message('tools/call', { name: 'a', Name: 'b' }), 'validator-refused'],
    [message('resources/read', [1]), 'validator-refused'],
    [{ jsonrpc: '2.0', id: 1, method: 'ping', result: {} }, 'validator-refused'],
    [{ jsonrpc: '2.0', id: 1 }, 'validator-refused'],
    [{ id: 1, method: 'ping' }, 'validator-refused'],
    [[message('ping')], 'validator-refused'],
  ]
  for (const [value, facts] of messages) {
    t.same(factsOr('mcp', request({ body: json(value) })), facts, JSON.stringify(value))
  }
  t.same(factsOr('mcp', request({ method: 'GET' })), { mcp_method: 'stream', ...none })
  t.same(factsOr('mcp', request({ method: 'DELETE' })), { mcp_method: 'end', ...none })
  t.equal(factsOr('mcp', request({ method: 'GET', text: '{}' })), 'validator-refused')
  t.equal(factsOr('mcp', request({ method: 'PUT', text: '{}' })), 'validator-refused')
  const call = decoded(
    'mcp',
    request({ body: json(message('tools/call', { name: 'a', arguments: { b: 1 } })) }),
  )
  t.match(call, { body: { params: { arguments: { b: 1 } } } })
})

test('of tools/list only the allowed tools pass, and every other byte stays', async (t) => {
  const allow = (tool: string): boolean => tool !== 'rm'
  const filtered = (text: string): string | null => {
    const bytes = filterTools(bytesOf(text), allow)
    return bytes === null ? null : textOf(bytes)
  }
  const answers: readonly (readonly [text: string, result: string | null])[] = [
    [
      '{"id":1, "result" : {"tools": [ {"name":"a"} , {"name":"rm"}, {"b":2,"name":"c"} ], "nextCursor":"x"} }',
      '{"id":1, "result" : {"tools": [{"name":"a"},{"b":2,"name":"c"}], "nextCursor":"x"} }',
    ],
    ['{"result":{"tools":[{"name":"rm"}]}}', '{"result":{"tools":[]}}'],
    ['{"result":{"tools":[{"name":"\\u0072m"}]}}', '{"result":{"tools":[]}}'],
    ['{"result":{"tools":[ {"name":"a"} ]}}', '{"result":{"tools":[ {"name":"a"} ]}}'],
    ['{"id":1,"error":{"code":1}}', '{"id":1,"error":{"code":1}}'],
    ['{"method":"notifications/progress"}', '{"method":"notifications/progress"}'],
    ['{"result":{"tools":[{"title":"x"}]}}', null],
    ['{"result":{"tools":["rm"]}}', null],
    ['{"result":{"tools":[null]}}', null],
    ['{"result":{"tools":[],"Tools":[{"name":"rm"}]}}', null],
    ['{"result":{"tools":[{"name":"a","Name":"rm"}]}}', null],
    ['{"result":{"tools":[]},"Result":{"tools":[{"name":"rm"}]}}', null],
    ['{"result":{"tools":{}}}', null],
    ['{"result":{}}', null],
    ['{"result":[]}', null],
    ['{"id":1}', null],
    ['[]', null],
    ['{"result":{"tools":[], "tools":[]}}', null],
    ['nonsense', null],
  ]
  for (const [text, result] of answers) t.equal(filtered(text), result, text)
})

test('every decoder has a row of facts, and a name of a fact has one type', async (t) => {
  t.same(Object.keys(factTypes).sort(), [...decoderNames].sort())
  const types = new Map<string, string>()
  for (const facts of Object.values(factTypes)) {
    for (const [name, type] of Object.entries(facts)) {
      t.equal(types.get(name) ?? type, type, name)
      types.set(name, type)
    }
  }
})
