/** Says what range every address belongs to, by the RFC that set it apart, and whether the gate may dial it. */

import { assert } from '../kernel/contract.ts'
import {
  type Cidr,
  covers,
  embedded,
  readAddress,
  readCidr,
  sameAddress,
  type Words,
} from './address.ts'
import { cloudMetadata } from './cloud-metadata.ts'

export interface Range {
  readonly name: string
  /** The document that sets the range apart. */
  readonly source: string
  /** open: anybody's. closed: only where a rule's CIDR covers it. never: nothing opens it. */
  readonly access: 'open' | 'closed' | 'never'
}

/** A listener of this gate; it must never be reached through the gate. */
export interface Listener {
  readonly address: string
  readonly port: number
}

type Judgement = { readonly ok: true } | { readonly ok: false; readonly message: string }

const open: Range = { name: 'global', source: 'RFC 4291', access: 'open' }

type Row = readonly [cidr: Cidr, range: Range]

function row(cidr: string, name: string, source: string): Row {
  return [read(cidr), { name, source, access: 'closed' }]
}

function read(cidr: string): Cidr {
  const result = readCidr(cidr)
  assert(result !== null, 'a range of the tables is a CIDR')
  return result
}

/** IANA IPv4 Special-Purpose Address Registry, narrower ranges first. */
const v4: readonly Row[] = [
  row('0.0.0.0/32', 'unspecified', 'RFC 1122 3.2.1.3'),
  row('0.0.0.0/8', 'this-network', 'RFC 791 3.2'),
  row('10.0.0.0/8', 'private', 'RFC 1918'),
  row('100.64.0.0/10', 'carrier-grade-nat', 'RFC 6598'),
  row('127.0.0.0/8', 'loopback', 'RFC 1122 3.2.1.3'),
  row('169.254.0.0/16', 'link-local', 'RFC 3927'),
  row('172.16.0.0/12', 'private', 'RFC 1918'),
  row('192.0.0.0/24', 'protocol-assignments', 'RFC 6890'),
  row('192.0.2.0/24', 'documentation', 'RFC 5737'),
  row('192.31.196.0/24', 'as112', 'RFC 7535'),
  row('192.52.193.0/24', 'amt', 'RFC 7450'),
  row('192.88.99.0/24', '6to4-relay', 'RFC 7526'),
  row('192.168.0.0/16', 'private', 'RFC 1918'),
  row('192.175.48.0/24', 'as112', 'RFC 7534'),
  row('198.18.0.0/15', 'benchmark', 'RFC 2544'),
  row('198.51.100.0/24', 'documentation', 'RFC 5737'),
  row('203.0.113.0/24', 'documentation', 'RFC 5737'),
  row('233.252.0.0/24', 'documentation', 'RFC 6676'),
  row('224.0.0.0/4', 'multicast', 'RFC 5771'),
  row('255.255.255.255/32', 'broadcast', 'RFC 919'),
  row('240.0.0.0/4', 'reserved', 'RFC 1112 4'),
]

/** IANA IPv6 Special-Purpose Address Registry, narrower ranges first; the last row is what is not allocated. */
const v6: readonly Row[] = [
  row('::/128', 'unspecified', 'RFC 4291 2.5.2'),
  row('::1/128', 'loopback', 'RFC 4291 2.5.3'),
  row('::/96', 'v4-compatible', 'RFC 4291 2.5.5.1'),
  row('::ffff:0:0:0/96', 'v4-translated', 'RFC 2765'),
  row('64:ff9b:1::/48', 'nat64-local', 'RFC 8215'),
  row('100::/64', 'discard-only', 'RFC 6666'),
  row('100:0:0:1::/64', 'dummy-prefix', 'RFC 9780'),
  row('2001::/32', 'teredo', 'RFC 4380'),
  row('2001:2::/48', 'benchmark', 'RFC 5180'),
  row('2001:10::/28', 'orchid', 'RFC 4843'),
  row('2001:20::/28', 'orchid', 'RFC 7343'),
  row('2001:db8::/32', 'documentation', 'RFC 3849'),
  row('2001::/23', 'protocol-assignments', 'RFC 2928'),
  row('2002::/16', '6to4', 'RFC 7526'),
  row('2620:4f:8000::/48', 'as112', 'RFC 7534'),
  row('3fff::/20', 'documentation', 'RFC 9637'),
  row('5f00::/16', 'segment-routing', 'RFC 9602'),
  row('fc00::/7', 'unique-local', 'RFC 4193'),
  row('fe80::/10', 'link-local', 'RFC 4291 2.5.6'),
  row('fec0::/10', 'site-local', 'RFC 3879'),
  row('ff00::/8', 'multicast', 'RFC 4291 2.7'),
]

const globalUnicast = read('2000::/3')
const nat64 = read('64:ff9b::/96')
const nat64Local = read('64:ff9b:1::/48')
const mapped = read('::ffff:0:0/96')
/** NAT64 (RFC 6052), v4-compatible, v4-translated: the last 32 bits are an IPv4 address. */
const endsInV4 = [nat64, read('::/96'), read('::ffff:0:0:0/96')]
const sixToFour = read('2002::/16')
const teredo = read('2001::/32')
const reserved: Range = { name: 'reserved', source: 'RFC 4291 2.4', access: 'closed' }

const metadata: readonly Row[] = Object.entries(cloudMetadata).map(([address, provider]) => [
  read(address),
  { name: 'cloud-metadata', source: provider, access: 'never' },
])

/** A v4-mapped address is dialled as the IPv4 address that it holds; every other is dialled as it stands. */
function unmap(words: Words): Words {
  return covers(mapped, words) ? embedded(words, 6) : words
}

/** IPv4 addresses that an IPv6 address may lead to through a translator or relay. */
function ledTo(words: Words): readonly Words[] {
  if (endsInV4.some((cidr) => covers(cidr, words))) return [embedded(words, 6)]
  if (covers(sixToFour, words)) return [embedded(words, 1)]
  // RFC 4380 4: the server, and the client's address with every bit inverted.
  if (covers(teredo, words)) {
    const client = embedded(words, 6).map((word) => word ^ 0xffff)
    return [embedded(words, 2), client]
  }
  if (covers(nat64Local, words)) return translated(words)
  return []
}

/** RFC 6052 2.2: where an IPv4 address lies after a prefix of 48, 56, 64 or 96 bits, octet 8 being skipped. */
function translated(words: Words): readonly Words[] {
  const octets = words.flatMap((word) => [word >>> 8, word & 0xff])
  return [6, 7, 9, 12].map((start) => {
    const four: number[] = []
    for (let index = start; four.length < 4; index += 1) {
      if (index !== 8) four.push(octets[index] ?? 0)
    }
    const [a = 0, b = 0, c = 0, d = 0] = four
    return [(a << 8) | b, (c << 8) | d]
  })
}

function find(rows: readonly Row[], words: Words): Range | null {
  for (const [cidr, range] of rows) if (covers(cidr, words)) return range
  return null
}

function classifyWords(words: Words): Range {
  const own = find(metadata, words)
  if (own !== null) return own
  if (words.length === 2) return find(v4, words) ?? open
  const targets = ledTo(words)
  for (const target of targets) {
    const range = find(metadata, target)
    if (range !== null) return range
  }
  // RFC 6052 3.1: the well-known prefix carries public addresses only, and is as good as what it carries.
  if (covers(nat64, words)) return classifyWords(embedded(words, 6))
  return find(v6, words) ?? (covers(globalUnicast, words) ? open : reserved)
}

/**
 * The range of an address. Translators and tunnels (v4-mapped, NAT64) take the range of the IPv4 address they
 * carry; those no one should use any more (v4-compatible, 6to4, Teredo, local NAT64) are closed as they are.
 *
 * returns  null where the text is no address, or has a zone id.
 */
export function classify(address: string): Range | null {
  const words = readAddress(address)
  return words === null ? null : classifyWords(unmap(words))
}

const wildcards: readonly Words[] = [
  [0, 0],
  [0, 0, 0, 0, 0, 0, 0, 0],
]

function isWildcard(words: Words): boolean {
  return wildcards.some((wildcard) => sameAddress(wildcard, words))
}

function isLoopback(words: Words): boolean {
  return words.length === 2
    ? (words[0] ?? 0) >>> 8 === 127
    : words.every((word, index) => word === (index === 7 ? 1 : 0))
}

/**
 * True where dialling the address reaches the listener: the same address, one of this machine's where the
 * listener takes any, or the unspecified one, which Linux dials as loopback.
 */
function reaches(words: Words, listener: Listener, interfaces: readonly string[]): boolean {
  const bound = readAddress(listener.address)
  if (bound === null) return false
  const own = unmap(bound)
  if (sameAddress(words, own)) return true
  if (isWildcard(words)) return isLoopback(own) || isWildcard(own)
  if (!isWildcard(own)) return false
  if (isLoopback(words)) return true
  return interfaces.some((address) => {
    const local = readAddress(address)
    return local !== null && sameAddress(words, unmap(local))
  })
}

export interface Surroundings {
  readonly own: readonly Listener[]
  /** Addresses of this machine's interfaces: what a listener on a wildcard address answers at. */
  readonly interfaces: readonly string[]
}

/** Whether a listener of this gate answers at an address and port. */
export function isOurs(
  { address, port }: { readonly address: string; readonly port: number },
  surroundings: Surroundings,
): boolean {
  const literal = readAddress(address)
  return literal !== null && leadsBack(unmap(literal), port, surroundings)
}

function leadsBack(words: Words, port: number, { interfaces, own }: Surroundings): boolean {
  return own.some((listener) => listener.port === port && reaches(words, listener, interfaces))
}

/**
 * Whether the gate may dial an address and port (I5).
 *
 * allowed  CIDRs of the rule that allowed the host; they open closed ranges, never metadata nor the gate itself.
 */
export function judge(
  target: { readonly address: string; readonly port: number },
  allowed: readonly Cidr[],
  surroundings: Surroundings,
): Judgement {
  const literal = readAddress(target.address)
  if (literal === null) return { ok: false, message: 'The destination is no plain IP address.' }
  const words = unmap(literal)
  if (leadsBack(words, target.port, surroundings)) {
    return { ok: false, message: 'The destination is a listener of this gate.' }
  }
  const range = classifyWords(words)
  if (range.access === 'open') return { ok: true }
  if (range.access === 'closed' && allowed.some((cidr) => opens(cidr, literal, words))) {
    return { ok: true }
  }
  return {
    ok: false,
    message: `The destination ${target.address} lies in a forbidden range: ${range.name} (${range.source}).`,
  }
}

/** A CIDR may be written in the v4-mapped form too, but `::/0` speaks of IPv6 alone. */
function opens(cidr: Cidr, literal: Words, words: Words): boolean {
  return covers(cidr, words) || (cidr.bits >= 96 && covers(cidr, literal))
}
