/** Reads CIDRs in which private addresses may lie, and keeps the metadata addresses of clouds out of them. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

/**
 * Where clouds hand out credentials to whoever asks. The proxy never dials these, whatever a policy says; a
 * policy that names them is a mistake worth telling.
 */
const metadataAddresses = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
]

/** Ranges this wide are named for their other addresses: 100.64.0.0/10, fc00::/7. */
const wideBits = { ipv4: 12, ipv6: 16 }

export interface Network {
  /** The CIDR in its shortest form, with a prefix length. */
  readonly cidr: string
  /** A metadata address within; null where there is none. */
  readonly metadata: string | null
  /** True where the range is so wide that the metadata address is not what it was written for. */
  readonly wide: boolean
}

/** Reads `10.0.0.0/8` or a single address; null if it is neither, or has bits beyond its prefix. */
export function readNetwork(text: string): Network | null {
  const [address = '', length, ...rest] = text.split('/')
  const family = isIPv4(address)
    ? 'ipv4'
    : isIPv6(address) && !address.includes('%')
      ? 'ipv6'
      : null
  if (family === null || rest.length > 0) return null
  const most = family === 'ipv4' ? 32 : 128
  if (length !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(length)) return null
  const bits = length === undefined ? most : Number(length)
  if (bits > most) return null
  const words = family === 'ipv4' ? wordsOfV4(address) : wordsOfV6(address)
  if (!isMasked(words, family === 'ipv4' ? 8 : 16, bits)) return null
  const list = new BlockList()
  list.addSubnet(address, bits, family)
  const inside = metadataAddresses.find(
    (metadata) => isIPv4(metadata) === (family === 'ipv4') && list.check(metadata, family),
  )
  const shortest =
    family === 'ipv4' ? address : new URL(`http://[${address}]`).hostname.slice(1, -1)
  return { cidr: `${shortest}/${bits}`, metadata: inside ?? null, wide: bits <= wideBits[family] }
}

function wordsOfV4(address: string): readonly number[] {
  return address.split('.').map(Number)
}

function wordsOfV6(address: string): readonly number[] {
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = shortest.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...new Array<string>(gap).fill('0'), ...right].map((part) =>
    Number.parseInt(part, 16),
  )
}

/** True where no bit is set behind the prefix: `10.0.0.1/8` is a slip that could mean two things. */
function isMasked(words: readonly number[], width: number, bits: number): boolean {
  return words.every((word, index) => {
    const kept = Math.max(0, Math.min(width, bits - index * width))
    return (word & ((1 << (width - kept)) - 1)) === 0
  })
}
