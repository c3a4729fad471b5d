/** Ways to the proxy's own machine, its network and its cloud: by every spelling of an address, and by names. */
import type { Case, Topic } from '../case.ts'
import { ask, connect, get, refused, safe } from './bytes.ts'

const why = 'OWASP SSRF; RFC 6890; WHATWG URL 3.5: numbers are addresses'

/** The machine itself, where the recording origins listen: not allowed by this name. */
const spellings: readonly (readonly [name: string, host: string])[] = [
  ['dotted decimal', '127.0.0.1'],
  ['another loopback address', '127.0.0.2'],
  ['one decimal number', '2130706433'],
  ['one hexadecimal number', '0x7f000001'],
  ['one octal number', '017700000001'],
  ['two numbers', '127.1'],
  ['three numbers', '127.0.1'],
  ['octal labels', '0177.0.0.1'],
  ['hexadecimal labels', '0x7f.0x0.0x0.0x1'],
  ['mixed labels', '0x7f.0.1'],
  ['a trailing dot', '127.0.0.1.'],
  ['zero', '0'],
  ['the unspecified address', '0.0.0.0'],
  ['IPv6 loopback', '[::1]'],
  ['IPv6 unspecified', '[::]'],
  ['v4-mapped', '[::ffff:127.0.0.1]'],
  ['v4-mapped in hexadecimal', '[::ffff:7f00:1]'],
  ['v4-mapped written out', '[0:0:0:0:0:ffff:7f00:0001]'],
  ['v4-compatible', '[::127.0.0.1]'],
  ['v4-translated', '[::ffff:0:127.0.0.1]'],
  ['NAT64', '[64:ff9b::127.0.0.1]'],
  ['local NAT64', '[64:ff9b:1::127.0.0.1]'],
  ['6to4', '[2002:7f00:1::]'],
  ['Teredo', '[2001:0:7f00:1::]'],
  ['link-local with a zone', '[fe80::1%25lo]'],
  ['a zone on loopback', '[::1%25lo]'],
  ['full-width digits', '\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1'],
  ['circled digits', '\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1'],
  ['a name under localhost', 'sub.localhost'],
  ['localhost.localdomain', 'localhost.localdomain'],
  ['ip6-localhost', 'ip6-localhost'],
  ['brackets around IPv4', '[127.0.0.1]'],
  ['labels above 255', '383.0.0.1'],
  ['five labels', '127.0.0.1.1'],
  ['an address that wraps', '6425673729'],
]

const bySpelling: readonly Case[] = spellings.flatMap(([name, host]) => [
  {
    name: `the proxy's machine by URL as ${name}`,
    why,
    send: [ask('GET', `http://${host}:{plain}/{id}/a`)],
    expect: refused,
  },
  {
    name: `the proxy's machine by CONNECT as ${name}`,
    why,
    send: [connect(`${host}:{tcp}`), 'hello'],
    expect: refused,
  },
])

/** Where a rule allows the address by name, its range is what shuts it. */
const ranges: readonly Case[] = [
  ['AWS metadata', '169.254.169.254'],
  ['AWS metadata as a number', '2852039166'],
  ['AWS metadata in hexadecimal', '0xa9.0xfe.0xa9.0xfe'],
  ['AWS metadata, mapped', '[::ffff:169.254.169.254]'],
  ['AWS metadata behind NAT64', '[64:ff9b::169.254.169.254]'],
  ['AWS metadata by IPv6', '[fd00:ec2::254]'],
  ['ECS credentials', '169.254.170.2'],
  ['Alibaba metadata', '100.100.100.200'],
  ['a private network of class A', '10.0.0.1'],
  ['a private network of class B', '172.16.0.1'],
  ['a private network of class C', '192.168.0.1'],
  ['carrier-grade NAT', '100.64.0.1'],
  ['multicast', '224.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['loopback', '127.0.0.1'],
  ['loopback as a number', '2130706433'],
  ['loopback by IPv6', '[::1]'],
  ['6to4 of loopback', '[2002:7f00:1::]'],
].map(([name = '', host = '']) => ({
  name: `${name} stays shut though a rule allows its name`,
  why: 'RFC 6890 and the documents of each cloud',
  send: [ask('GET', `http://${host}/{id}/a`)],
  expect: refused,
  haltgate: {
    status: 403,
    code: 'destination-forbidden',
  },
  only: 'haltgate' as const,
}))

const answers: readonly Case[] = [
  ['loopback', ['127.0.0.1']],
  ['IPv6 loopback', ['::1']],
  ['the unspecified address', ['0.0.0.0']],
  ['metadata', ['169.254.169.254']],
  ['a private address', ['10.0.0.1']],
  ['a mapped loopback address', ['::ffff:127.0.0.1']],
  ['loopback behind NAT64', ['64:ff9b::7f00:1']],
  ['6to4 of a private address', ['2002:a00:1::']],
  ['a public address and loopback', ['93.184.216.34', '127.0.0.1']],
  ['loopback and a public address', ['127.0.0.1', '93.184.216.34']],
  ['a link-local address with a zone', ['fe80::1%lo']],
  ['what is no address', ['localhost']],
].map(([name, list]) => ({
  name: `a name whose answer is ${String(name)}`,
  why: 'Jackson et al. 2007, Protecting Browsers from DNS Rebinding: judge the answer, not the name',
  send: [ask('GET', 'http://{id}.wire.test:{plain}/{id}/a')],
  names: { '{id}.wire.test': [Array.isArray(list) ? list : []] },
  expect: refused,
  haltgate: { status: 403, code: 'destination-forbidden' },
  only: 'haltgate' as const,
}))

const rebinding: readonly Case[] = [
  {
    name: 'a name without an answer is unresolved',
    why: 'RFC 2308',
    send: [ask('GET', 'http://{id}.wire.test/{id}/a')],
    names: { '{id}.wire.test': [[]] },
    expect: refused,
    haltgate: { status: 502, code: 'destination-unresolved' },
    only: 'haltgate',
  },
  {
    name: 'a name inside an allowed range is served',
    why: 'docs/policy.md: addresses of a rule',
    send: [ask('GET', 'http://{id}.inside.test:{plain}/{id}/a')],
    names: { '{id}.inside.test': [['127.0.0.1']] },
    expect: { outcome: 'served' },
    only: 'haltgate',
  },
  {
    name: 'an allowed range does not open metadata',
    why: 'docs/policy.md: metadata is never opened',
    send: [ask('GET', 'http://{id}.inside.test/{id}/a')],
    names: { '{id}.inside.test': [['169.254.169.254']] },
    expect: refused,
    haltgate: { status: 403, code: 'destination-forbidden' },
    only: 'haltgate',
  },
  {
    name: 'a name that changes to metadata after it was judged is not asked again',
    why: 'Jackson et al. 2007: the address dialled is the address judged (I5)',
    send: [
      ask('GET', 'http://{id}.inside.test:{plain}/{id}/one'),
      { hear: 'ok' },
      ask('GET', 'http://{id}.inside.test:{plain}/{id}/two'),
    ],
    names: { '{id}.inside.test': [['127.0.0.1'], ['169.254.169.254']] },
    expect: { outcome: 'served', requests: [2, 2], answers: 2 },
    only: 'haltgate',
  },
  {
    name: 'a CONNECT to a name whose answer is loopback',
    why: 'Jackson et al. 2007',
    send: [connect('{id}.wire.test:443')],
    names: { '{id}.wire.test': [['127.0.0.1']] },
    expect: refused,
    haltgate: { status: 403, code: 'destination-forbidden' },
    only: 'haltgate',
  },
  {
    name: 'a redirect to metadata is handed to the client, and not followed',
    why: 'OWASP SSRF: redirects',
    send: [get('/a')],
    answer: [
      'HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n',
    ],
    expect: { ...safe, status: [302], clientHas: [/Location: http:\/\/169\.254/i] },
  },
]

export const ssrf: Topic = {
  name: 'ssrf',
  cases: [...bySpelling, ...ranges, ...answers, ...rebinding],
}
