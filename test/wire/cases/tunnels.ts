/** What a CONNECT tunnel may carry: TLS to the host that it was opened for, and nothing else. */
import { buildHello, buildMessage, inRecords, sniBody } from '../../proxy/hellos.ts'
import type { Case, Exact, Topic } from '../case.ts'
import { connect, refused } from './bytes.ts'

const why = 'RFC 9110 9.3.6, RFC 6066 3: the server name of a tunnel is the name that was judged'

const hello = buildHello({ names: ['localhost'] })
const opened = { hear: '\r\n\r\n' } as const
const mismatch: Exact = { entries: ['decision allow', 'settlement settled authority-mismatch'] }
const blind: Exact = { entries: ['decision allow', 'settlement settled inspection-required'] }
const wrong: Exact = { entries: ['decision allow', 'settlement settled malformed-request'] }
const intercepts = 'a proxy that ends TLS itself sends no ClientHello on'

/** Byte for byte, to the last of them: the origin gives back what it is told. */
function through(name: string, bytes: Buffer, size = bytes.length): Case {
  const text = bytes.toString('latin1')
  return {
    name,
    why: 'RFC 8446 5.1: records and messages are cut as the sender likes',
    send: [connect(), opened, { pieces: bytes, size }, { hear: text.slice(-16) }],
    expect: { outcome: 'served', requests: [0, 0], tunnelled: exactly(text) },
    unfair: intercepts,
  }
}

const exactly = (text: string): RegExp =>
  new RegExp(`^${text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}`)

const passing: readonly Case[] = [
  through('a ClientHello for the target comes through', hello),
  through('a ClientHello byte by byte', hello, 1),
  through('a ClientHello over many records', inRecords(buildMessage({ names: ['localhost'] }), 16)),
  through(
    'a ClientHello in records of four bytes, in pieces of seven',
    inRecords(buildMessage({ names: ['localhost'] }), 4),
    7,
  ),
  through('a server name in capitals', buildHello({ names: ['LocalHost'] })),
  through(
    'a ClientHello of 12 KiB',
    buildHello({ names: ['localhost'], extensions: [{ type: 21, body: Buffer.alloc(12_000) }] }),
  ),
  {
    name: 'a ClientHello right behind the CONNECT',
    why: 'RFC 9110 9.3.6: a client may send before it is answered, at its own risk',
    send: [connect(), hello, opened, { hear: 'localhost' }],
    expect: { outcome: 'served', requests: [0, 0], tunnelled: /localhost/ },
    unfair: intercepts,
  },
  {
    name: 'TLS from end to end',
    why: 'RFC 8446',
    send: [
      connect('localhost:{tls}'),
      opened,
      { tls: 'localhost' },
      'GET /{id}/inside HTTP/1.1\r\nHost: localhost:{tls}\r\n\r\n',
      { hear: 'ok' },
    ],
    expect: { outcome: 'served', clientHas: [/200 OK[\s\S]*ok/] },
    haltgate: { entries: ['decision allow', 'settlement settled'] },
  },
  {
    name: 'a half-close of the client inside a tunnel lets the answer through',
    why: 'RFC 9293 3.6: half-closed connections',
    send: [connect(), opened, hello, { act: 'end' }, { hear: 'localhost' }],
    expect: { outcome: 'served', requests: [0, 0], tunnelled: /localhost/ },
    unfair: intercepts,
  },
]

/** Raw ECH outer and inner, GREASE (RFC 8701), and what comes of a name that is not the target's. */
const names: readonly (readonly [string, Buffer, Exact])[] = [
  ['the name of a denied host', buildHello({ names: ['denied.test'] }), mismatch],
  ['a name under the target', buildHello({ names: ['sub.localhost'] }), mismatch],
  ['a name with the target before it', buildHello({ names: ['localhost.denied.test'] }), mismatch],
  ['no name', buildHello({}), mismatch],
  ['two names', buildHello({ names: ['localhost', 'denied.test'] }), wrong],
  ['an empty name', buildHello({ names: [''] }), wrong],
  ['a name with a NUL', buildHello({ names: ['localhost\0.denied.test'] }), wrong],
  ['a name with a slash', buildHello({ names: ['localhost/'] }), wrong],
  ['a name that is an address', buildHello({ names: ['127.0.0.1'] }), wrong],
  [
    'two name extensions',
    buildHello({ names: ['localhost'], extensions: [{ type: 0, body: sniBody(['denied.test']) }] }),
    wrong,
  ],
  [
    'Encrypted ClientHello',
    buildHello({ names: ['localhost'], extensions: [{ type: 0xfe0d, body: Buffer.alloc(64, 1) }] }),
    blind,
  ],
  ['a record of no bytes', Buffer.from([22, 3, 1, 0, 0]), wrong],
  ['a record above its length', Buffer.from([22, 3, 1, 0xff, 0xff, 1, 0, 0, 1]), wrong],
  ['another handshake message', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]), wrong],
  ['a hello with bytes behind it', Buffer.from([22, 3, 1, 0, 6, 1, 0, 0, 1, 0, 0]), wrong],
  ['a hello that lies about its length', Buffer.from([22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3]), wrong],
  ['an alert first', Buffer.from([21, 3, 3, 0, 2, 2, 40]), blind],
  ['an SSLv2 hello', Buffer.from([0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10]), blind],
]

const objections: readonly Case[] = names.map(([name, bytes, haltgate]) => ({
  name: `a tunnel with ${name} carries nothing`,
  why,
  send: [connect(), opened, bytes],
  expect: { ...refused, closes: true },
  haltgate,
  unfair: 'a proxy that does not look into tunnels passes whatever is in them',
}))

const texts: readonly (readonly [string, string])[] = [
  ['plain HTTP', 'GET /{id}/a HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['plain HTTP of another host', 'GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n'],
  ['an SSH banner', 'SSH-2.0-OpenSSH_9.0\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['SMTP', 'EHLO localhost\r\n'],
  ['Redis', '*1\r\n$4\r\nPING\r\n'],
  ['SOCKS5', '\x05\x01\x00'],
  ['garbage', '\x00\xff\x80\x7f'.repeat(64)],
]

const plain: readonly Case[] = texts.map(([name, text]) => ({
  name: `a tunnel with ${name} carries nothing`,
  why,
  send: [connect(), opened, text],
  expect: { ...refused, closes: true },
  haltgate: blind,
  unfair: 'a proxy that does not look into tunnels passes whatever is in them',
}))

const stalls: readonly Case[] = [
  {
    name: 'a tunnel in which nothing is said is ended in time',
    why: 'CWE-400: a client that holds what it does not use',
    send: [connect(), opened, { act: 'gone' }],
    expect: { ...refused, closes: true },
    haltgate: wrong,
    unfair: 'a tunnel may be idle for as long as the timeouts of a proxy say',
  },
  {
    name: 'a ClientHello that stops in the middle is ended in time',
    why: 'CWE-400',
    send: [connect(), opened, hello.subarray(0, 50), { act: 'gone' }],
    expect: { ...refused, closes: true },
    haltgate: wrong,
    unfair: 'a proxy that does not look into tunnels passes whatever is in them',
  },
  {
    name: 'a ClientHello that never ends is cut off',
    why: 'CWE-770',
    send: [
      connect(),
      opened,
      Buffer.from([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]),
      { repeat: 'a'.repeat(4096), times: 64 },
    ],
    expect: { ...refused, closes: true },
    haltgate: wrong,
    unfair: 'a proxy that does not look into tunnels passes whatever is in them',
  },
  {
    name: 'a client that leaves before it says anything leaves nothing behind',
    why: 'RFC 9293 3.10.7',
    send: [connect(), opened, { act: 'end' }],
    expect: { ...refused, closes: true },
    haltgate: { entries: ['decision allow', 'settlement settled'] },
  },
  {
    name: 'a client that resets in the middle of its ClientHello leaves nothing behind',
    why: 'RFC 9293 3.10.7',
    send: [connect(), opened, hello.subarray(0, 40), { act: 'reset' }],
    expect: refused,
    haltgate: { entries: ['decision allow', 'settlement settled'] },
    unfair: 'a proxy that does not look into tunnels passes whatever is in them',
  },
]

export const tunnels: Topic = {
  name: 'tunnels',
  cases: [...passing, ...objections, ...plain, ...stalls],
}
