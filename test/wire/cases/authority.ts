/** Tricks with the target and the Host header: who is meant, and by how many spellings. */
import type { Case, Topic } from '../case.ts'
import {
  ask,
  authorization,
  connect,
  denied,
  get,
  host,
  malformed,
  refused,
  safe,
  served,
} from './bytes.ts'

const rfc9112 = 'RFC 9112 3.2: a server answers 400 to any request with an invalid Host field'

const hosts: readonly Case[] = [
  {
    name: 'a plain request is served',
    why: 'RFC 9112 3.2.2: absolute-form is what a proxy is sent',
    send: [get('/a')],
    expect: { outcome: 'served', requestHas: [/^GET \/case\d+z\/a HTTP\/1\.1\r\n/] },
    haltgate: { status: 200, entries: ['decision allow', 'settlement settled'] },
  },
  {
    name: 'two Host headers that agree',
    why: rfc9112,
    send: [`GET {base}/a HTTP/1.1\r\n${host}${host}\r\n`],
    expect: refused,
    haltgate: malformed,
  },
  {
    name: 'two Host headers that differ',
    why: rfc9112,
    send: [`GET {base}/a HTTP/1.1\r\n${host}Host: denied.test\r\n\r\n`],
    expect: refused,
    haltgate: malformed,
  },
  {
    name: 'no Host header in HTTP/1.1',
    why: rfc9112,
    send: ['GET {base}/a HTTP/1.1\r\nAccept: */*\r\n\r\n'],
    expect: safe,
    haltgate: malformed,
  },
  {
    name: 'an empty Host header beside an absolute target is made anew',
    why: 'RFC 9112 3.2.2: a proxy replaces the received Host by that of the target',
    send: ['GET {base}/a HTTP/1.1\r\nHost: \r\n\r\n'],
    expect: safe,
  },
  {
    name: 'Host of a denied name beside an allowed target is made anew',
    why: 'RFC 9112 3.2.2: the target wins',
    send: ['GET {base}/a HTTP/1.1\r\nHost: denied.test\r\n\r\n'],
    expect: { outcome: 'safe', requestLacks: [/denied\.test/] },
    haltgate: { status: 200 },
  },
  {
    name: 'Host of an allowed name beside a denied target does not open it',
    why: 'RFC 9112 3.2.2: the target wins',
    send: [ask('GET', 'http://denied.test:{plain}/{id}/a')],
    expect: refused,
    haltgate: denied,
  },
  {
    name: 'Host with the port of a shut listener does not lead there',
    why: 'RFC 9112 3.2.2: the target wins',
    send: ['GET {base}/a HTTP/1.1\r\nHost: localhost:{shut}\r\n\r\n'],
    expect: safe,
    haltgate: { status: 200 },
  },
  {
    name: 'Host with a space before the colon',
    why: 'RFC 9112 5.1: no space between name and colon; CVE-2019-16276',
    send: ['GET {base}/a HTTP/1.1\r\nHost : denied.test\r\n\r\n'],
    expect: refused,
    haltgate: malformed,
  },
  {
    name: 'Host folded over two lines',
    why: 'RFC 9112 5.2: obsolete line folding',
    send: ['GET {base}/a HTTP/1.1\r\nHost:\r\n denied.test\r\n\r\n'],
    expect: { outcome: 'safe', requestLacks: [/denied\.test/] },
    haltgate: malformed,
  },
  {
    name: 'X-Forwarded-Host and Forwarded decide nothing',
    why: 'RFC 7239 8.1: what a client says of itself cannot be trusted',
    send: [
      ask(
        'GET',
        'http://denied.test:{plain}/{id}/a',
        'X-Forwarded-Host: localhost',
        'Forwarded: host=localhost',
      ),
    ],
    expect: refused,
    haltgate: denied,
  },
]

/** Well-formed, and of no rule. */
const unknown = /underscore|suffix|prefix|policy does not allow/

const targets: readonly Case[] = [
  ['origin-form', '/{id}/a'],
  ['origin-form of a path that begins with two slashes', '//localhost:{plain}/{id}/a'],
  ['asterisk-form', '*', 'OPTIONS'],
  ['authority-form without CONNECT', 'localhost:{plain}'],
  ['a target without a scheme', 'localhost:{plain}/{id}/a'],
  ['a target without slashes', 'http:localhost:{plain}/{id}/a'],
  ['a target with one slash', 'http:/localhost:{plain}/{id}/a'],
  ['a target with three slashes', 'http:///localhost:{plain}/{id}/a'],
  ['a target with backslashes', 'http:\\\\localhost:{plain}\\{id}\\a'],
  ['a backslash behind the host', 'http://localhost:{plain}\\@denied.test/{id}/a'],
  ['an ftp target', 'ftp://localhost:{plain}/{id}/a'],
  ['a file target', 'file:///etc/passwd'],
  ['a gopher target', 'gopher://localhost:{plain}/_GET%20/{id}/a'],
  ['a ws target', 'ws://localhost:{plain}/{id}/a'],
  ['an empty host', 'http://:{plain}/{id}/a'],
  ['an empty target behind the scheme', 'http://'],
  ['userinfo', 'http://user:word@localhost:{plain}/{id}/a'],
  ['userinfo that looks like the allowed host', 'http://localhost:{plain}@denied.test/{id}/a'],
  ['userinfo with an encoded at sign', 'http://localhost%40denied.test:{plain}/{id}/a'],
  ['two at signs', 'http://a@localhost:{plain}@denied.test/{id}/a'],
  ['a fragment that hides a host', 'http://localhost:{plain}#@denied.test/{id}/a'],
  ['a percent sign in the host', 'http://local%68ost:{plain}/{id}/a'],
  ['a host with a comma', 'http://localhost,denied.test:{plain}/{id}/a'],
  ['a host with a space', 'http://localhost denied.test:{plain}/{id}/a'],
  ['a host with an underscore and nothing else allowed', 'http://_localhost:{plain}/{id}/a'],
  ['an empty label', 'http://localhost..:{plain}/{id}/a'],
  ['a name of 300 characters', `http://${'a.'.repeat(150)}localhost:{plain}/{id}/a`],
  ['a label of 64 characters', `http://${'a'.repeat(64)}.localhost:{plain}/{id}/a`],
  ['a suffix of the allowed name', 'http://localhost.denied.test:{plain}/{id}/a'],
  ['a prefix of the allowed name', 'http://xlocalhost:{plain}/{id}/a'],
  ['a port above 65535', 'http://localhost:99999/{id}/a'],
  ['a port that wraps to the allowed one', 'http://localhost:{wrapped}/{id}/a'],
  ['port 0', 'http://localhost:0/{id}/a'],
  ['a negative port', 'http://localhost:-{plain}/{id}/a'],
  ['a port with a sign', 'http://localhost:+{plain}/{id}/a'],
  ['a port in hexadecimal', 'http://localhost:0x50/{id}/a'],
  ['two ports', 'http://localhost:{plain}:80/{id}/a'],
  ['a port that the policy does not allow', 'http://localhost:{shut}/{id}/a'],
].map(([name = '', target = '', method = 'GET']) => ({
  name,
  why: 'RFC 9112 3.2.2 and RFC 3986 3.2: one reading of an authority, or none',
  send: [ask(method, target)],
  expect: refused,
  haltgate: { status: unknown.test(name) ? 403 : 400 },
}))

const spellings: readonly Case[] = [
  ['the allowed name in capitals', 'http://LOCALHOST:{plain}/{id}/a'],
  ['the allowed scheme in capitals', 'HTTP://localhost:{plain}/{id}/a'],
  ['the allowed name with a trailing dot', 'http://localhost.:{plain}/{id}/a'],
  ['the allowed name in full-width letters', 'http://\xef\xbd\x8cocalhost:{plain}/{id}/a'],
  ['the allowed name with a soft hyphen', 'http://local\xc2\xadhost:{plain}/{id}/a'],
  ['the allowed name with an ideographic full stop', 'http://localhost\xe3\x80\x82:{plain}/{id}/a'],
  ['a port with leading zeros', 'http://localhost:0{plain}/{id}/a'],
  ['a name that is no UTF-8', 'http://localhost\xff:{plain}/{id}/a'],
  ['a Cyrillic letter that looks like ours', 'http://l\xd0\xbecalhost:{plain}/{id}/a'],
].map(([name = '', target = '']) => ({
  name,
  why: 'RFC 3986 6.2.2.1, RFC 5891 and UTS #46: spellings of one name are one host, or refused',
  send: [ask('GET', target)],
  expect: safe,
}))

const tunnels: readonly Case[] = [
  ['CONNECT without a port', 'localhost'],
  ['CONNECT with an empty port', 'localhost:'],
  ['CONNECT to port 0', 'localhost:0'],
  ['CONNECT to a port above 65535', 'localhost:70000'],
  ['CONNECT to a port that wraps to the allowed one', 'localhost:{wrapped}'],
  ['CONNECT to a URL', 'http://localhost:{tcp}/'],
  ['CONNECT to a path', '/{id}'],
  ['CONNECT with a path behind the port', 'localhost:{tcp}/a'],
  ['CONNECT with userinfo', 'user@localhost:{tcp}'],
  ['CONNECT with a denied name before an at sign', 'localhost:{tcp}@denied.test:{tcp}'],
  ['CONNECT with two ports', 'localhost:{tcp}:443'],
  ['CONNECT to an empty host', ':{tcp}'],
  ['CONNECT to an asterisk', '*'],
  ['CONNECT to a zone id', '[fe80::1%25lo]:{tcp}'],
  ['CONNECT to brackets around a name', '[localhost]:{tcp}'],
  ['CONNECT with a fragment', 'localhost:{tcp}#'],
  ['CONNECT with a query', 'localhost:{tcp}?a'],
  ['CONNECT with a tab in the name', 'local\thost:{tcp}'],
  ['CONNECT to a denied name', 'denied.test:443'],
  ['CONNECT to a shut port', 'localhost:{shut}'],
].map(([name = '', target = '']) => ({
  name,
  why: 'RFC 9110 9.3.6: the target of CONNECT is host:port and nothing else',
  send: [connect(target)],
  expect: refused,
  haltgate: { status: /a denied name$|shut/.test(name) ? 403 : 400 },
}))

const opaque = 'a proxy that does not look into tunnels passes whatever is in them'

const openings: readonly Case[] = [
  {
    name: 'CONNECT with a Host of another name',
    why: 'RFC 9112 3.2.3: the Host of a CONNECT is its target',
    send: ['CONNECT localhost:{tcp} HTTP/1.1\r\nHost: denied.test:443\r\n\r\n'],
    expect: refused,
    haltgate: { status: 403, code: 'authority-mismatch' },
    unfair: 'RFC 9112 lets a proxy go by the target alone',
  },
  {
    name: 'CONNECT with a body',
    why: 'RFC 9110 9.3.6: content of a CONNECT has no meaning, and two readers may frame it in two ways',
    send: [`${connect('localhost:{tcp}', 'Content-Length: 5')}hello`],
    expect: refused,
    haltgate: malformed,
    unfair: opaque,
  },
  {
    name: 'CONNECT in chunks',
    why: 'RFC 9110 9.3.6',
    send: [`${connect('localhost:{tcp}', 'Transfer-Encoding: chunked')}0\r\n\r\n`],
    expect: refused,
    haltgate: malformed,
    unfair: opaque,
  },
  {
    name: 'a CONNECT inside of an answered CONNECT reaches nobody',
    why: 'RFC 9110 9.3.6: behind the answer there is a tunnel, not HTTP',
    send: [connect(), { hear: '\r\n\r\n' }, connect('denied.test:443')],
    expect: refused,
    unfair: opaque,
  },
  {
    name: 'a method that nobody knows is judged or refused, and not made into another',
    why: 'RFC 9110 9.1: methods are case-sensitive',
    send: [ask('get', '{base}/a')],
    expect: { outcome: 'safe', requestLacks: [/^GET/] },
    haltgate: malformed,
  },
  {
    name: 'TRACE brings no credentials back',
    why: 'RFC 9110 9.3.8; CVE-2003-1567',
    send: [ask('TRACE', '{base}/a', authorization)],
    expect: {
      outcome: 'safe',
      clientLacks: [/Proxy-Authorization/i],
      requestLacks: [/Proxy-Auth/i],
    },
  },
  {
    name: 'Max-Forwards 0 of a TRACE does not show what the proxy adds',
    why: 'RFC 9110 7.6.2',
    send: [ask('TRACE', '{base}/a', 'Max-Forwards: 0')],
    expect: { outcome: 'safe', clientLacks: [/Proxy-Auth/i] },
  },
  {
    name: 'credentials for the proxy go no further',
    why: 'RFC 9110 11.7.1: Proxy-Authorization is consumed by the first proxy',
    send: [get('/a', authorization, 'Proxy-Connection: keep-alive')],
    expect: { ...served, requestLacks: [/Proxy-/i] },
  },
]

export const authority: Topic = {
  name: 'authority',
  cases: [...hosts, ...targets, ...spellings, ...tunnels, ...openings],
}
