/** A method beside the request line: another one than was judged is refused, in every spelling that servers heed. */
import fc from 'fast-check'
import { test } from 'tap'
import { overrideFault } from '../../../proxy/inspect/override.ts'
import { createClient, createOrigin, createWorld } from '../crossing-world.ts'
import '../../kernel/seed.ts'

const refused: readonly (readonly [method: string, headers: readonly string[], query: string])[] = [
  ['POST', ['X-HTTP-Method-Override', 'DELETE'], ''],
  ['POST', ['x-http-method-override', 'delete'], ''],
  ['POST', ['X-Method-Override', 'PUT'], ''],
  ['POST', ['X-HTTP-Method', 'MERGE'], ''],
  ['POST', ['X_HTTP_METHOD_OVERRIDE', 'DELETE'], ''],
  ['POST', ['X-HTTP-Method-Override', 'POST', 'X-HTTP-Method-Override', 'DELETE'], ''],
  ['POST', ['X-HTTP-Method-Override', 'POST, DELETE'], ''],
  ['GET', ['X-HTTP-Method-Override', 'POST'], ''],
  ['POST', [], '_method=DELETE'],
  ['POST', [], 'a=1&%5Fmethod=delete'],
  ['POST', [], 'a=1&_%4Dethod=put'],
  ['POST', [], '_method=POST&_method=PUT'],
]

const passed: typeof refused = [
  ['POST', [], ''],
  ['POST', ['X-HTTP-Method-Override', 'POST'], '_method=post'],
  ['POST', ['X-HTTP-Method-Override', ''], '_method='],
  ['POST', ['X-Method', 'DELETE'], 'method=DELETE&my_method=DELETE&x=_method'],
]

void test('another method than that of the request is a fault', async (t) => {
  for (const [method, headers, query] of refused) {
    const said = `${method} ${headers.join(' ')} ${query}`
    t.match(overrideFault({ method, headers, query }), /asks for another method/, said)
  }
  for (const [method, headers, query] of passed) {
    t.equal(overrideFault({ method, headers, query }), null, `${headers.join(' ')} ${query}`)
  }
})

void test('it is told of any query and header', async (t) => {
  const property = fc.property(fc.string(), fc.array(fc.string()), (query, headers) => {
    t.type(overrideFault({ method: 'GET', headers, query }) ?? '', 'string')
  })
  fc.assert(property, { numRuns: 200 })
})

void test('such a request is refused before the gate is asked, and nothing of it leaves', async (t) => {
  const world = await createWorld(t, { lookup: { 'origin.test': ['127.0.0.1'] } })
  const origin = await createOrigin(t, (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
  const ways = [
    ['/x', 'X-HTTP-Method-Override: DELETE\r\n'],
    ['/x?_method=DELETE', ''],
  ] as const
  for (const [target, header] of ways) {
    const client = await createClient(t, world.port)
    const host = `origin.test:${origin.port}`
    client.socket.write(
      `POST http://${host}${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n${header}\r\n`,
    )
    t.match(await client.head(), /^HTTP\/1.1 400 .*malformed-request/)
  }
  t.same(world.admitted, [])
  t.equal(origin.sockets.length, 0)
})
