/** Too much of everything: headers, targets, time, connections; a proxy has an end to each, and serves on. */
import type { Case, Topic } from '../case.ts'
import { ask, get, hidden, host, kib, post } from './bytes.ts'

const why = 'CWE-770: allocation of resources without limits'
const large = { status: [400, 413, 414, 431, 501, 502] } as const
const slow = 'a proxy may wait for as long as its timeouts say'

const sizes: readonly Case[] = [
  {
    name: '1,000 headers',
    why,
    send: [`GET {base}/a HTTP/1.1\r\n${host}${'X-A: b\r\n'.repeat(1000)}\r\n`],
    expect: { outcome: 'refused', ...large },
    haltgate: { status: 431 },
    unfair: 'the bound is a matter of taste; 1,000 headers of 7 bytes are no harm by themselves',
  },
  {
    name: 'a header of 128 KiB',
    why,
    send: [`GET {base}/a HTTP/1.1\r\n${host}X-A: `, { repeat: kib(8), times: 16 }, '\r\n\r\n'],
    expect: { outcome: 'refused', closes: true, ...large },
    haltgate: { status: 431, code: 'request-too-large' },
  },
  {
    name: 'headers that never end',
    why,
    send: [`GET {base}/a HTTP/1.1\r\n${host}`, { repeat: `X-A: ${kib(1)}\r\n`, times: 5000 }],
    expect: { outcome: 'refused', closes: true, ...large },
    haltgate: { status: 431 },
  },
  {
    name: 'a header name of 64 KiB',
    why,
    send: [`GET {base}/a HTTP/1.1\r\n${host}${kib(64)}: b\r\n\r\n`],
    expect: { outcome: 'refused', closes: true, ...large },
    haltgate: { status: 431 },
  },
  {
    name: 'a target of 64 KiB',
    why,
    send: [ask('GET', `{base}/${kib(64)}`)],
    expect: { outcome: 'refused', closes: true, ...large },
    unfair: 'the bound is a matter of taste',
  },
  {
    name: 'a target of 9 KiB',
    why: 'docs: the bound of a target is 8 KiB',
    send: [ask('GET', `{base}/${kib(9)}`)],
    expect: { outcome: 'safe' },
    haltgate: { status: 414 },
  },
  {
    name: 'a request line that never ends',
    why,
    send: ['GET http://localhost/', { repeat: kib(8), times: 1000 }],
    expect: { outcome: 'refused', closes: true, ...large },
  },
  {
    name: 'a method of 64 KiB',
    why,
    send: [`${kib(64, 'A')} {base}/a HTTP/1.1\r\n${host}\r\n`],
    expect: { outcome: 'refused', closes: true, ...large },
    haltgate: { status: 400 },
  },
  {
    name: 'empty lines without end',
    why,
    send: [{ repeat: '\r\n'.repeat(1024), times: 4000 }],
    expect: { outcome: 'refused', closes: true },
    unfair: slow,
    patienceMs: 3_000,
  },
  {
    name: 'a length of 2^53 shuts nothing',
    why: 'CWE-190: what is charged must stay a safe integer',
    send: [post('', 'Content-Length: 9007199254740991'), { act: 'end' }],
    expect: { outcome: 'refused', requests: [0, 1] },
    haltgate: { status: 413 },
  },
  {
    name: 'a body of 4 MiB passes',
    why: 'a bound that is too low is a fault too',
    send: [post('', `Content-Length: ${4 * 1024 * 1024}`), { repeat: kib(64), times: 64 }],
    expect: { outcome: 'served' },
  },
  {
    name: 'a body in 4,000 chunks passes',
    why: 'CVE-2023-44487 kin: many small pieces',
    send: [
      post('', 'Transfer-Encoding: chunked'),
      { repeat: '1\r\nx\r\n'.repeat(100), times: 40 },
      '0\r\n\r\n',
    ],
    expect: { outcome: 'served' },
  },
]

const slowness: readonly Case[] = [
  {
    name: 'a client that says nothing is let go of',
    why: 'Hansen 2009, Slowloris',
    send: [{ act: 'gone' }],
    expect: { outcome: 'refused', closes: true },
    unfair: slow,
  },
  {
    name: 'a client that stops in the request line is let go of',
    why: 'Hansen 2009, Slowloris',
    send: ['GET http://local', { act: 'gone' }],
    expect: { outcome: 'refused', closes: true },
    haltgate: { status: 408 },
    unfair: slow,
  },
  {
    name: 'a client that stops in its headers is let go of',
    why: 'Hansen 2009, Slowloris',
    send: [`GET {base}/a HTTP/1.1\r\n${host}X-A: `, { act: 'gone' }],
    expect: { outcome: 'refused', closes: true },
    haltgate: { status: 408 },
    unfair: slow,
  },
  {
    name: 'a client that stops in its body is let go of',
    why: 'Brennan 2010, R-U-Dead-Yet',
    send: [post('half', 'Content-Length: 100'), { act: 'gone' }],
    expect: { outcome: 'refused', requests: [0, 1], closes: true },
    unfair: slow,
  },
  {
    name: 'a client that does not read is let go of, or costs no memory',
    why: 'Siriwardena 2012, Slow Read',
    send: [{ act: 'pause' }, get('/a'), { seen: '/a' }, { act: 'resume' }],
    answer: ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    expect: { outcome: 'served' },
  },
]

const crowds: readonly Case[] = [
  {
    name: '200 connections at once are all served',
    why: 'a bound that is too low is a fault too',
    send: [{ crowd: 200, text: get('/a', 'Connection: close') }, get('/last')],
    expect: { outcome: 'served', requests: [201, 201], served: [200, 200] },
  },
  {
    name: '250 connections that say nothing do not keep out the next',
    why: 'Hansen 2009, Slowloris',
    send: [{ crowd: 250, text: '', held: true }, get('/a')],
    expect: { outcome: 'served' },
  },
  {
    name: '250 half-sent requests do not keep out the next',
    why: 'Hansen 2009, Slowloris',
    send: [{ crowd: 250, text: `GET {base}/held HTTP/1.1\r\n${host}X-A:`, held: true }, get('/a')],
    expect: { outcome: 'served' },
  },
  {
    name: '250 malformed requests at once are refused, and the next is served',
    why: 'CWE-400: refusing is cheap',
    send: [{ crowd: 250, text: `G@T {base}/bad HTTP/1.1\r\n${host}\r\n` }, get('/a')],
    expect: { outcome: 'served', served: [0, 0] },
  },
  {
    name: '250 denied requests at once are refused, and the next is served',
    why: 'CWE-400: refusing is cheap',
    send: [{ crowd: 250, text: ask('GET', 'http://denied.test/', 'Connection: close') }, get('/a')],
    expect: { outcome: 'served', served: [0, 0] },
  },
  {
    name: '300 requests pipelined in one piece are answered in order, or cut off',
    why: 'RFC 9112 9.3.2',
    send: [hidden.repeat(300)],
    expect: { outcome: 'answered', requests: [0, 300], answers: 300 },
  },
]

export const floods: Topic = { name: 'floods', cases: [...sizes, ...slowness, ...crowds] }
