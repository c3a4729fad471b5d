/** Reads IPv4 and IPv6 addresses and CIDRs into words that can be compared; anything a URL would not take is null. */
import { isIPv4, isIPv6 } from 'node:net'

/** An address: 2 words of 16 bits for IPv4, 8 for IPv6, the most significant first. */
export type Words = readonly number[]

/** Addresses that share their first bits. */
export interface Cidr {
  readonly words: Words
  readonly bits: number
}

function readV4(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return [(a << 8) | b, (c << 8) | d]
}

function readGroups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    return group.includes('.') ? readV4(group) : [Number.parseInt(group, 16)]
  })
}

/**
 * Reads a literal address. net.isIP decides what one is: `127.1`, `0x7f.1` and `0177.0.0.1` are none.
 *
 * returns  null for anything else, and for a zone id (`fe80::1%eth0`), which names an interface of ours.
 */
export function readAddress(text: string): Words | null {
  if (isIPv4(text)) return readV4(text)
  if (text.includes('%') || !isIPv6(text)) return null
  const gap = text.indexOf('::')
  if (gap < 0) return readGroups(text)
  const head = readGroups(text.slice(0, gap))
  const tail = readGroups(text.slice(gap + 2))
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

/** Reads `10.0.0.0/8` or a single address; null if it is neither. */
export function readCidr(text: string): Cidr | null {
  const slash = text.indexOf('/')
  const words = readAddress(slash < 0 ? text : text.slice(0, slash))
  if (words === null) return null
  const most = words.length * 16
  if (slash < 0) return { words, bits: most }
  const length = text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length)) return null
  const bits = Number(length)
  return bits <= most ? { words, bits } : null
}

/** True where the address lies in the CIDR; an IPv4 address lies in no IPv6 CIDR, nor the other way. */
export function covers(cidr: Cidr, words: Words): boolean {
  if (cidr.words.length !== words.length) return false
  for (let index = 0, left = cidr.bits; left > 0; index += 1, left -= 16) {
    const difference = (cidr.words[index] ?? 0) ^ (words[index] ?? 0)
    if (difference >>> (left >= 16 ? 0 : 16 - left) !== 0) return false
  }
  return true
}

export function sameAddress(left: Words, right: Words): boolean {
  return left.length === right.length && left.every((word, index) => word === right[index])
}

/** The IPv4 address that begins at the given word of an IPv6 address. */
export function embedded(words: Words, at: number): Words {
  return [words[at] ?? 0, words[at + 1] ?? 0]
}
