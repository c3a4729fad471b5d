/** Budgets and halts that come in the middle of a stream: haltgate cuts at the hold, and at the operator's word. */
import { buildHello } from '../../proxy/hellos.ts'
import type { Case, Script, Topic } from '../case.ts'
import { authorization, connect, get, kib, post } from './bytes.ts'

const why = 'docs/invariants.md I3, I8: nothing passes beyond a hold or a halt'
const only = 'haltgate' as const
const endless: Script = ['HTTP/1.1 200 OK\r\n\r\n', { repeat: kib(16), times: 100_000 }]
const hello = buildHello({ names: ['metered.inside.test'] })
const handshake = [
  ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
] as const
const stop = { halt: 'run:tester/{id}' } as const

const budgets: readonly Case[] = [
  {
    name: 'a download is cut at its byte',
    why,
    send: [get('/metered', authorization)],
    answer: endless,
    expect: { outcome: 'cut', requests: [1, 1], closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled budget-exhausted'] },
    only,
  },
  {
    name: 'a download in chunks is cut, and its end is not made up',
    why,
    send: [get('/metered', authorization)],
    answer: [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      { repeat: `1000\r\n${kib(4)}\r\n`, times: 10_000 },
    ],
    expect: { outcome: 'cut', requests: [1, 1], closes: true, clientLacks: [/\r\n0\r\n\r\n$/] },
    haltgate: { entries: ['decision allow', 'settlement settled budget-exhausted'] },
    only,
  },
  {
    name: 'a download that fits is whole',
    why,
    send: [get('/metered', authorization)],
    answer: [`HTTP/1.1 200 OK\r\nContent-Length: 40960\r\n\r\n${kib(40)}`],
    expect: { outcome: 'served' },
    haltgate: { entries: ['decision allow', 'settlement settled'] },
    only,
  },
  {
    name: 'a budget that kills halts the run',
    why,
    send: [get('/killed', authorization)],
    answer: endless,
    expect: { outcome: 'cut', requests: [1, 1], closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled halted'] },
    only,
  },
  {
    name: 'an upload that is announced too large is refused before it begins',
    why,
    send: [post('', 'Content-Length: 100000', authorization).replace('/post', '/upped')],
    expect: { outcome: 'refused' },
    haltgate: {
      status: 403,
      code: 'budget-exhausted',
      entries: [],
    },
    only,
  },
  {
    name: 'an upload in chunks is cut at its byte',
    why,
    send: [
      post('', 'Transfer-Encoding: chunked', authorization).replace('/post', '/upped'),
      { repeat: `1000\r\n${kib(4)}\r\n`, times: 64 },
    ],
    expect: { outcome: 'refused', requests: [0, 1] },
    haltgate: { entries: ['decision allow', 'settlement settled budget-exhausted'] },
    only,
  },
  {
    name: 'wall time is cut at its hold',
    why,
    send: [get('/timed', authorization)],
    answer: ['HTTP/1.1 200 OK\r\n\r\nbegun', { act: 'gone' }],
    expect: { outcome: 'cut', requests: [1, 1], closes: true, clientHas: [/begun/] },
    haltgate: { entries: ['decision allow', 'settlement settled budget-exhausted'] },
    only,
  },
  {
    name: 'the third of two requests is refused, also where they are pipelined',
    why,
    send: [get('/counted', authorization).repeat(3)],
    expect: { outcome: 'safe', requests: [2, 2], answers: 3, clientHas: [/budget-exhausted/] },
    only,
  },
  {
    name: 'a rate is the same for pipelined requests',
    why,
    send: [get('/rated', authorization).repeat(2)],
    expect: {
      outcome: 'safe',
      requests: [1, 1],
      answers: 2,
      clientHas: [/429 [^\r]*rate-limited/],
    },
    only,
  },
  {
    name: 'a tunnel is cut at its byte',
    why,
    send: [
      connect('metered.inside.test:{tcp}', authorization),
      { hear: '\r\n\r\n' },
      hello,
      { hear: 'metered' },
      { repeat: kib(4), times: 64 },
    ],
    names: { 'metered.inside.test': [['127.0.0.1']] },
    expect: { outcome: 'served', requests: [0, 0], tunnelled: /metered/, closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled budget-exhausted'] },
    only,
  },
]

const halts: readonly Case[] = [
  {
    name: 'a halt ends a download',
    why,
    send: [get('/a', authorization), { hear: 'begun' }, stop, { act: 'gone' }],
    answer: ['HTTP/1.1 200 OK\r\n\r\nbegun', { act: 'gone' }],
    expect: { outcome: 'cut', requests: [1, 1], closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled halted'] },
    only,
  },
  {
    name: 'a halt ends an upload',
    why,
    send: [
      post('half', 'Content-Length: 1000', authorization),
      { seen: 'half' },
      stop,
      { act: 'gone' },
    ],
    expect: { outcome: 'refused', requests: [1, 1], closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled halted'] },
    only,
  },
  {
    name: 'a halt ends a request that waits for its answer',
    why,
    send: [get('/a', authorization), { seen: '/a' }, stop],
    answer: [{ act: 'gone' }],
    expect: { outcome: 'refused', requests: [1, 1] },
    haltgate: { status: 403, code: 'halted' },
    only,
  },
  {
    name: 'a halt ends a tunnel',
    why,
    send: [
      connect('localhost:{tcp}', authorization),
      { hear: '\r\n\r\n' },
      buildHello({ names: ['localhost'] }),
      { hear: 'localhost' },
      stop,
      { act: 'gone' },
    ],
    expect: { outcome: 'served', requests: [0, 0], tunnelled: /localhost/, closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled halted'] },
    only,
  },
  {
    name: 'a halt ends a tunnel that has said nothing yet',
    why,
    send: [connect('localhost:{tcp}', authorization), { hear: '\r\n\r\n' }, stop, { act: 'gone' }],
    expect: { outcome: 'refused', closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled halted'] },
    only,
  },
  {
    name: 'a halt ends a WebSocket',
    why,
    send: [get('/s', authorization, ...handshake), { hear: '\r\n\r\n' }, stop, { act: 'gone' }],
    answer: [{ accept: 'right' }, { act: 'gone' }],
    expect: { outcome: 'served', status: [101], closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled halted'] },
    only,
  },
  {
    name: 'a halted run is refused on the connection that it has',
    why,
    send: [get('/a', authorization), { hear: 'ok' }, stop, get('/b', authorization)],
    expect: { outcome: 'safe', requests: [1, 1], answers: 2, clientHas: [/403 [^\r]*halted/] },
    only,
  },
  {
    name: 'a halt of one run leaves another alone',
    why,
    send: [stop, get('/a')],
    expect: { outcome: 'served' },
    only,
  },
  {
    name: 'a request that is pipelined behind a halted one does not pass',
    why,
    send: [stop, `${get('/a', authorization)}${get('/b', authorization)}`],
    expect: { outcome: 'refused', answers: 2 },
    only,
  },
  {
    name: 'a halted run is refused at a CONNECT',
    why,
    send: [stop, connect('localhost:{tcp}', authorization)],
    expect: { outcome: 'refused' },
    haltgate: { status: 403, code: 'halted', entries: [] },
    only,
  },
]

export const streams: Topic = { name: 'streams', cases: [...budgets, ...halts] }
