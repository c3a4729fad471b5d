/** Fuzzes what reads a request's target: one spelling of each host and path, and never another than a URL parser has. */
import fc from 'fast-check'
import { canonicalPath } from '../../proxy/canonical-path.ts'
import { readAuthority, readHost, writeHost } from '../../proxy/host.ts'
import { readAbsolute, readOrigin, readTunnel } from '../../proxy/target.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { mutatedLatin } from './mutation.ts'
import { timely } from './timely.ts'

const digits = fc.oneof(
  fc.nat(300).map(String),
  fc.nat().map((number) => `0x${number.toString(16)}`),
  fc.nat(400).map((number) => `0${number.toString(8)}`),
  fc.constantFrom('0x', '08', '4294967295', '4294967296', '00', '1e1', '0X7f'),
)

const hostPieces = [
  '.',
  '..',
  '-',
  '_',
  '%',
  '%2e',
  ':',
  '[',
  ']',
  '@',
  '0x',
  'xn--',
  '::ffff:',
  '\u00e9',
  '\u00df',
  '\u3002',
  '\uff0e',
  '\u212a',
  '\u200d',
  '\u00ad',
]

const wellFormedHost = fc.oneof(
  fc.domain(),
  fc.domain({ size: 'large' }),
  fc.ipV4(),
  fc.ipV4Extended(),
  fc.array(digits, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.')),
  fc.ipV6().map((address) => `[${address}]`),
  fc.ipV4().map((address) => `[::ffff:${address}]`),
  fc.constantFrom(
    'localhost',
    'EXAMPLE.com.',
    'a_b.test',
    'b\u00fccher.example',
    'xn--bcher-kva.example',
  ),
  fc
    .array(fc.constantFrom('a', 'B', '1', '-', '.', '_', '\u00e9'), { maxLength: 80 })
    .map((all) => all.join('')),
)

/** As Node hands it over: a character is a byte of UTF-8. */
const hostText = mutatedLatin(
  wellFormedHost.map((text) => Buffer.from(text, 'utf8').toString('latin1')),
  hostPieces,
)

/** What a URL parser makes of a host: without brackets and trailing dot; null where it makes none. */
function byUrl(text: string): string | null {
  const unicode = Buffer.from(text, 'latin1').toString('utf8')
  if (!URL.canParse(`http://${unicode}/`)) return null
  const { hostname, host, username, pathname, search, hash } = new URL(`http://${unicode}/`)
  if (host !== hostname || username !== '' || pathname !== '/' || search + hash !== '') return null
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

/** An IPv4 address that a URL writes in IPv6, as it stands in the gate's spelling. */
function unmapped(address: string): string {
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(address) ?? []
  if (high === undefined || low === undefined) return address
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

export const hosts: Fuzzed = {
  name: 'hosts',
  share: 2,
  roundRuns: 500,
  reaches: ['a host', 'an IPv6 address', 'a host that a URL has too', 'refused'],
  open: async (reached) =>
    fc.property(hostText, (text) => {
      const host = timely(text.length, () => readHost(text))
      reached(host === null ? 'refused' : 'a host')
      if (host === null) return
      if (host.includes(':')) reached('an IPv6 address')
      ensure(/^[a-z0-9._:-]+$/.test(host), 'a host is of letters, digits and marks in lower case')
      ensure(!host.endsWith('.') && host.length <= 253, 'a host has no dot behind it')
      const written = writeHost(host, 8080, 80)
      const again = readAuthority(written, null)
      ensure(again?.host === host && again.port === 8080, 'a host that is written is read alike')
      const url = byUrl(text)
      if (url === null) return
      reached('a host that a URL has too')
      ensure(unmapped(url) === host, `a URL has the host ${url}`)
    }),
}

const pathPieces = [
  '/',
  '//',
  '/.',
  '/..',
  '..;',
  '%2e',
  '%2E%2e',
  '%2f',
  '%5c',
  '\\',
  '%00',
  '%41',
  '%c3%a9',
  '%',
  '%4',
  ';',
  ';a=1',
  '+',
  '~',
  '%7e',
  '?',
  '#',
  ' ',
  '%25',
  '%252e',
]

const pathText = mutatedLatin(
  fc.oneof(
    fc.webPath().map((path) => `/${path.replace(/^\//, '')}`),
    fc
      .array(fc.constantFrom('a', 'b.c', ...pathPieces), { maxLength: 12 })
      .map((all) => `/${all.join('')}`),
  ),
  pathPieces,
)

/** The bytes that a path stands for. */
const decodedBytes = (path: string): string =>
  path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )

const isPlainPath = (path: string): boolean => /^\/[\x21-\x7e]*$/.test(path) && !/[?#]/.test(path)

export const canonicalPaths: Fuzzed = {
  name: 'canonical-paths',
  share: 2,
  roundRuns: 500,
  reaches: ['canonical', 'refused'],
  open: async (reached) =>
    fc.property(pathText.filter(isPlainPath), (path) => {
      const answer = timely(path.length, () => canonicalPath(path))
      reached(answer.ok ? 'canonical' : 'refused')
      if (!answer.ok) return
      const again = canonicalPath(answer.path)
      ensure(again.ok && again.path === answer.path, 'a canonical path is its own canonical path')
      ensure(decodedBytes(path) === decodedBytes(answer.path), 'it stands for the same bytes')
      ensure(!/%(2f|5c|00|2e)/i.test(answer.path), 'nothing dangerous is left encoded')
      const { pathname } = new URL(`http://a.test${path}`)
      ensure(decodedBytes(pathname) === decodedBytes(path), 'a URL parser resolves nothing in it')
    }),
}

const portText = fc.oneof(
  fc.constant(''),
  fc.nat(70_000).map((port) => `:${port}`),
  fc.constantFrom(':', ':080', ':+80', ':80 ', ':8_0', '::80'),
)

const scheme = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('http://', 'HTTP://') },
  fc.constantFrom('https://', '', 'ftp://', 'http:/', 'http://u:p@'),
)

const queryText = fc.option(
  fc.webQueryParameters().map((query) => `?${query}`),
  { nil: '' },
)

/** The three forms that a request's target has, one after the other. */
const targetText = mutatedLatin(
  fc
    .oneof(
      fc.tuple(scheme, hostText, portText, fc.option(pathText, { nil: '' }), queryText),
      fc.tuple(pathText, queryText),
      fc.tuple(hostText, portText),
    )
    .map((parts) => parts.join('')),
  [...hostPieces, ...pathPieces, 'http://'],
)

export const requestTargets: Fuzzed = {
  name: 'request-targets',
  share: 3,
  roundRuns: 500,
  reaches: ['absolute', 'origin', 'tunnel'],
  open: async (reached) =>
    fc.property(targetText, (text) => {
      const authority = { host: 'a.test', port: 80 }
      const readers = {
        absolute: () => readAbsolute(text),
        origin: () => readOrigin(text, authority),
        tunnel: () => readTunnel(text),
      }
      for (const [form, reader] of Object.entries(readers)) {
        const target = timely(text.length, reader)
        if (!target.ok) continue
        reached(form)
        ensure(Number.isInteger(target.port) && target.port > 0 && target.port < 65_536, 'a port')
        ensure((target.path === '') === (form === 'tunnel'), 'only a tunnel has no path')
        if (form === 'tunnel') continue
        ensure(target.origin.startsWith(target.path), 'the path is sent as it is judged')
        const sent = `http://${writeHost(target.host, target.port, 80)}${target.origin}`
        const again = readAbsolute(sent)
        ensure(
          again.ok && JSON.stringify(again) === JSON.stringify(target),
          'it is read again alike',
        )
        ensure(!/[\s\0#]/.test(target.origin), 'what is sent has no blank and no fragment')
      }
    }),
}
