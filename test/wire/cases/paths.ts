/** Spellings of a path that a rule denies: none of them may come to an origin that would read it as that path. */
import type { Case, Topic } from '../case.ts'
import { ask, get, malformed, post, refused, safe } from './bytes.ts'

const why = 'RFC 3986 6.2.2; Tsai 2017, A New Era of SSRF and kin: two parsers, two paths'

/** A lenient origin's reading of a path: decoded once or twice, slashes turned, parameters off, dots resolved. */
const reads = /^\w+ \/case\d{4}z\/secret(?:[/?; ]|%2f)/i

const denied: readonly Case[] = [
  ['as it is', '/secret'],
  ['with something behind', '/secret/a'],
  ['with a query', '/secret?a=b'],
  ['with an encoded letter', '/s%65cret'],
  ['with every letter encoded', '/%73%65%63%72%65%74'],
  ['with a slash behind', '/secret/'],
].map(([name = '', path = '']) => ({
  name: `the denied path ${name}`,
  why,
  send: [get(path)],
  expect: refused,
  haltgate: { status: 403, code: 'rule-denied' },
}))

const dots: readonly Case[] = [
  ['dot segments', '/a/../secret'],
  ['a dot segment of one dot', '/./secret'],
  ['encoded dots', '/a/%2e%2e/secret'],
  ['half-encoded dots', '/a/.%2e/secret'],
  ['dots encoded in capitals', '/a/%2E%2E/secret'],
  ['dots encoded twice', '/a/%252e%252e/secret'],
  ['an encoded slash', '/a%2f..%2fsecret'],
  ['an encoded slash before the end', '/a/..%2fsecret'],
  ['an encoded backslash', '/a/..%5csecret'],
  ['a backslash', '/a/..\\secret'],
  ['backslashes for all', '\\a\\..\\secret'],
  ['a parameter behind the dots', '/a/..;/secret'],
  ['a parameter with a value behind the dots', '/a/..;x=y/secret'],
  ['an overlong slash', '/a/..%c0%afsecret'],
  ['an overlong dot', '/a/%c0%ae%c0%ae/secret'],
  ['a full-width slash', '/a/..%ef%bc%8fsecret'],
  ['a full-width dot', '/a/%ef%bc%8e%ef%bc%8e/secret'],
  ['dots at the end', '/secret/a/..'],
  ['three dots', '/a/.../secret'],
  ['dots that leave the root', '/../../{id}/secret'],
].map(
  ([name = '', path = '']): Case => ({
    name: `a way to the denied path by ${name}`,
    why: `${why}; CVE-2021-41773`,
    send: [get(path)],
    expect: {
      ...safe,
      requestLacks: [reads, /\/\.\.(?:[/;]|$| )/, /\/\.[/ ]/, /%2e%2e/i, /\\/, /%(?:2f|5c)/i],
    },
  }),
)

const others: readonly Case[] = [
  ['two slashes', '//secret', reads],
  ['a parameter', '/secret;a=b', /never/],
  ['a NUL behind', '/secret%00', /%00/],
  ['a NUL behind an allowed suffix', '/secret%00.png', /%00/],
  ['an encoded question mark', '/secret%3fa', /never/],
  ['an encoded number sign', '/secret%23a', /never/],
  ['an encoded space behind', '/secret%20', /never/],
  ['an encoded line end', '/secret%0d%0aX-A:%20b', /\r\nX-A: b/],
  ['an encoded percent sign that encodes nothing', '/secret%', /%(?![0-9a-f]{2})/i],
  ['an escape that is no hexadecimal', '/s%zzecret', /%zz/],
  ['an IIS escape', '/s%u0065cret', /%u/],
  ['another case', '/SECRET', /never/],
].map(
  ([name, path, lacks]): Case => ({
    name: `the denied path with ${String(name)}`,
    why,
    send: [get(String(path))],
    expect: { ...safe, requestLacks: lacks instanceof RegExp ? [lacks] : [] },
    unfair: 'a proxy may pass a path on as it came, and leave its meaning to the origin',
  }),
)

const odd: readonly Case[] = [
  {
    name: 'a question mark right behind the host',
    why,
    send: [ask('GET', 'http://localhost:{plain}?/{id}/secret')],
    expect: { ...safe, requestHas: [/^GET \/\?\//] },
  },
  {
    name: 'a second question mark is part of the query',
    why: 'RFC 3986 3.4',
    send: [get('/a?b=/../secret?c')],
    expect: { outcome: 'served', requestHas: [/\/a\?b=\/\.\.\/secret\?c /] },
  },
  {
    name: 'what is escaped in a query stays as it is',
    why: 'RFC 3986 3.4: a proxy does not rewrite a query',
    send: [get('/a?b=%2e%2e%2f&c=%zz')],
    expect: { ...safe, requestHas: [/\?b=%2e%2e%2f&c=%zz /] },
  },
  {
    name: 'a fragment is no part of a target',
    why: 'RFC 9112 3.2: a request target has no fragment',
    send: [get('/a#/../secret')],
    expect: { ...safe, requestLacks: [/#/] },
    haltgate: { status: 400 },
  },
  {
    name: 'a fragment does not hide the denied path',
    why: 'RFC 9112 3.2',
    send: [get('/secret#')],
    expect: refused,
    haltgate: { status: 400 },
  },
  {
    name: 'a byte above ASCII in a path',
    why: 'RFC 3986 2: a URI is ASCII',
    send: [get('/caf\xc3\xa9')],
    expect: safe,
    haltgate: { status: 400 },
  },
  {
    name: 'a tab in a path',
    why: 'WHATWG URL takes tabs out, others do not',
    send: [get('/sec\tret')],
    expect: { ...safe, requestLacks: [reads] },
    haltgate: { status: 400 },
  },
  {
    name: 'an absolute target as a path',
    why: 'RFC 9112 3.2.2: whose target is it',
    send: [get('/http://denied.test/')],
    expect: { ...safe, requestHas: [/^GET \/case\d{4}z\/http:\/\/denied\.test\/ /] },
  },
  {
    name: 'the method that tunnels another does not change what is judged',
    why: 'CWE-436: some servers carry out what X-HTTP-Method-Override and kin ask for',
    send: [
      get('/secret', 'X-HTTP-Method-Override: POST', 'X-Original-URL: /a', 'X-Rewrite-URL: /a'),
    ],
    expect: refused,
    haltgate: malformed,
  },
  {
    name: 'a method that the request line does not have is not carried out',
    why: 'CWE-436: some servers carry out what X-HTTP-Method-Override and kin ask for',
    send: [post('', 'Content-Length: 0', 'X-HTTP-Method-Override: DELETE')],
    expect: { ...safe, requestLacks: [/Override: DELETE/i] },
    unfair: 'a proxy may pass on what a header asks for, and leave it to the origin',
    haltgate: malformed,
  },
]

export const paths: Topic = { name: 'paths', cases: [...denied, ...dots, ...others, ...odd] }
