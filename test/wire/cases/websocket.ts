/** WebSocket handshakes (RFC 6455) that are not one, and what an origin may answer to one. */
import type { Case, Exact, Topic } from '../case.ts'
import { ask, get, safe } from './bytes.ts'

const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
const version = 'Sec-WebSocket-Version: 13'
const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'] as const
const handshake = [...upgrade, key, version] as const
const bad: Exact = { status: 400, code: 'malformed-request', entries: [] }
const no = 'a proxy may take Upgrade off and pass the rest on as a plain request'

const opening = (...headers: readonly string[]): string => get('/socket', ...headers)

const faulty: readonly Case[] = [
  ['another version', opening(...upgrade, key, 'Sec-WebSocket-Version: 8')],
  ['no version', opening(...upgrade, key)],
  ['no key', opening(...upgrade, version)],
  ['a key that is too short', opening(...upgrade, version, 'Sec-WebSocket-Key: abcd')],
  ['two keys', opening(...upgrade, version, key, key)],
  ['POST', ask('POST', '{base}/socket', ...handshake)],
  ['HTTP/1.0', opening(...handshake).replace('HTTP/1.1', 'HTTP/1.0')],
  ['a body', `${opening(...handshake, 'Content-Length: 5')}hello`],
  ['a body in chunks', `${opening(...handshake, 'Transfer-Encoding: chunked')}0\r\n\r\n`],
  ['a second protocol', opening('Connection: Upgrade', 'Upgrade: websocket, h2c', key, version)],
  [
    'two Upgrade headers',
    opening('Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: h2c', key, version),
  ],
  [
    'h2c alone',
    opening('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
  ],
  ['TLS', opening('Connection: Upgrade', 'Upgrade: TLS/1.0')],
  ['Upgrade that Connection does not name', opening('Upgrade: websocket', key, version)],
].map(([name = '', text = '']) => ({
  name: `a handshake with ${name} opens nothing`,
  why: 'RFC 6455 4.2.1; Bishop Fox 2020, h2c smuggling',
  send: [text],
  answer: [{ accept: 'right' as const }, 'raw bytes'],
  // What an origin that agrees to everything says must not open a tunnel that was never judged.
  expect: { outcome: 'safe', requests: [0, 1], requestLacks: [/^Upgrade: (?!websocket\r)/im] },
  haltgate: bad,
  unfair: no,
}))

const frame = '\x81\x85\x01\x02\x03\x04ignln'

const answers: readonly Case[] = [
  {
    name: 'frames pass untouched in both directions',
    why: 'RFC 6455 5',
    send: [opening(...handshake), { hear: '\r\n\r\n' }, frame, { hear: 'back' }],
    answer: [{ accept: 'right' }, { hear: frame }, '\x81\x04back', { act: 'end' }],
    expect: { outcome: 'served', status: [101], clientHas: [/\x81\x04back$/] },
    haltgate: { status: 101, entries: ['decision allow', 'settlement settled'] },
  },
  {
    name: 'a frame right behind the answer is not lost',
    why: 'RFC 6455 4.1: the server may send at once',
    send: [opening(...handshake), { hear: '\x81\x05first' }],
    answer: [{ accept: 'right' }, '\x81\x05first'],
    expect: { outcome: 'served', status: [101], clientHas: [/\x81\x05first$/] },
  },
  {
    name: 'a frame right behind the handshake is not lost',
    why: 'RFC 6455 4.1: not allowed to a client, and no reason to lose it',
    send: [`${opening(...handshake)}${frame}`, { hear: 'back' }],
    answer: [{ accept: 'right' }, { hear: frame }, '\x81\x04back'],
    expect: { outcome: 'safe', clientLacks: [/second/] },
  },
  {
    name: 'a denied host is refused before any handshake',
    why: 'RFC 6455 4.2.2: 403',
    send: [ask('GET', 'http://denied.test/{id}/socket', ...handshake)],
    expect: { outcome: 'refused' },
    haltgate: { status: 403, code: 'no-rule' },
  },
  {
    name: 'a denied path is refused before any handshake',
    why: 'RFC 6455 4.2.2: 403',
    send: [get('/secret', ...handshake)],
    expect: { outcome: 'refused' },
    haltgate: { status: 403, code: 'rule-denied' },
  },
  {
    name: 'an answer to another key opens nothing',
    why: 'RFC 6455 4.1; Kadlecik 2019, WebSocket smuggling: the proxy checks the answer too',
    send: [opening(...handshake)],
    answer: [{ accept: 'wrong' }, 'raw bytes'],
    expect: { outcome: 'cut', clientLacks: [/raw bytes/] },
    haltgate: { status: 502, code: 'upstream-protocol' },
    unfair: 'RFC 6455 asks the check of clients only',
  },
  {
    name: 'a refusal of the origin leaves HTTP behind it',
    why: 'Kadlecik 2019, WebSocket smuggling: no 101, no tunnel',
    send: [
      opening(...handshake),
      { hear: 'no' },
      'GET {base}/hidden HTTP/1.1\r\nHost: denied.test\r\n\r\n',
    ],
    answer: ['HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno'],
    expect: { outcome: 'answered', requests: [1, 2], answers: 2, requestLacks: [/denied/] },
  },
  {
    name: 'an origin that says nothing is given up in time',
    why: 'CWE-400',
    send: [opening(...handshake)],
    answer: [{ act: 'gone' }],
    expect: { outcome: 'refused', requests: [1, 1] },
    haltgate: { status: 504 },
    unfair: 'a proxy may wait for as long as its timeouts say',
  },
  {
    name: 'a client that resets takes the origin with it',
    why: 'RFC 9293 3.10.7',
    send: [opening(...handshake), { hear: '\r\n\r\n' }, { act: 'reset' }],
    answer: [{ accept: 'right' }, { act: 'gone' }],
    expect: { outcome: 'answered', requests: [1, 1] },
    haltgate: { entries: ['decision allow', 'settlement settled'] },
  },
  {
    name: 'an upgrade header that is empty is harmless',
    why: 'RFC 9110 7.8',
    send: [opening('Connection: Upgrade', 'Upgrade:')],
    expect: safe,
  },
]

export const websocket: Topic = { name: 'websocket', cases: [...faulty, ...answers] }
