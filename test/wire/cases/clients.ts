/** Clients that leave: half-closed or reset at each stage of a request; the proxy and the origin are none the worse. */
import type { Case, Exact, Script, Topic } from '../case.ts'
import { authorization, connect, get, host, post, safe } from './bytes.ts'

const why = 'RFC 9112 9.5 and 9.6; RFC 9293 3.6 and 3.10.7'

/** What was sent when the client leaves, and how many requests may have reached the origin by then. */
const stages: readonly (readonly [string, Script, number, Exact?])[] = [
  ['before a byte', [], 0, { entries: [] }],
  ['in the method', ['GE'], 0, { entries: [] }],
  ['in the target', ['GET http://local'], 0, { entries: [] }],
  ['in the headers', [`GET {base}/a HTTP/1.1\r\n${host}X-A`], 0, { entries: [] }],
  ['before the empty line', [`GET {base}/a HTTP/1.1\r\n${host}`], 0, { entries: [] }],
  ['behind the request', [get('/a')], 1],
  ['in a body', [post('half', 'Content-Length: 100'), { seen: 'half' }], 1],
  ['in a chunk', [post('64\r\nhalf', 'Transfer-Encoding: chunked'), { seen: 'half' }], 1],
  ['before 100 Continue', [post('', 'Content-Length: 5', 'Expect: 100-continue')], 1],
  ['behind the answer', [get('/a'), { hear: 'ok' }], 1],
  ['in the second request', [`${get('/a')}GET {base}/b`, { hear: 'ok' }], 1],
  ['behind a CONNECT', [connect('localhost:{tcp}', authorization)], 0],
  ['behind a CONNECT that is denied', [connect('denied.test:443', authorization)], 0],
]

const leaving: readonly Case[] = stages.flatMap(([name, send, requests, haltgate]) => [
  {
    name: `a client that half-closes ${name}`,
    why,
    send: [...send, { act: 'end' }],
    expect: { outcome: 'answered', requests: [0, requests], answers: 2, closes: true },
    ...(haltgate === undefined ? {} : { haltgate }),
  },
  {
    name: `a client that resets ${name}`,
    why,
    send: [...send, { act: 'reset' }],
    expect: { outcome: 'answered', requests: [0, requests] },
    ...(haltgate === undefined ? {} : { haltgate }),
  },
])

const after: readonly Case[] = [
  {
    name: 'a client that half-closes behind its request is answered whole, or not at all',
    why: 'RFC 9112 9.6 leaves it open whether a half-close is a departure',
    send: [get('/a'), { act: 'end' }, { act: 'gone' }],
    expect: {
      outcome: 'answered',
      requests: [0, 1],
      closes: true,
      clientLacks: [/200 OK(?![\s\S]*ok$)/],
    },
  },
  {
    name: 'a client that leaves during a download lets go of the origin',
    why: 'CWE-404: what nobody reads is not fetched to its end',
    send: [get('/a'), { hear: 'x' }, { act: 'reset' }],
    answer: ['HTTP/1.1 200 OK\r\n\r\n', { repeat: 'x'.repeat(65_536), times: 100_000 }],
    expect: { outcome: 'answered', requests: [1, 1] },
    haltgate: { entries: ['decision allow', 'settlement settled'] },
  },
  {
    name: 'after all of these the proxy serves as before',
    why,
    send: [get('/a')],
    expect: { outcome: 'served' },
  },
  {
    name: 'an idle connection between two requests may serve the second',
    why: 'RFC 9112 9.3',
    send: [get('/one'), { hear: 'ok' }, get('/two')],
    expect: { ...safe, requests: [2, 2], answers: 2 },
  },
]

export const clients: Topic = { name: 'clients', cases: [...leaving, ...after] }
