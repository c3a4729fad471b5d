/** Reads a TLS ClientHello as its bytes arrive, in any pieces: the SNI decides whether a tunnel may open. */

export type ClientHello =
  | {
      readonly kind: 'need-more'
      /** As long as there are fewer bytes than this the answer stays: reading again is of no use. */
      readonly bytes: number
    }
  | {
      readonly kind: 'hello'
      /** Lower case, one trailing dot removed; null where the extension is absent. */
      readonly sni: string | null
      readonly alpn: readonly string[]
      /** An encrypted ClientHello: the SNI in sight is not the one that counts. */
      readonly ech: boolean
    }
  | { readonly kind: 'not-tls' }
  | { readonly kind: 'malformed'; readonly message: string }

/** Real hellos with post-quantum key shares are about 2 KiB; RFC 8446 5.1 bounds a record at 16 KiB. */
export const helloBytesMax = 16_384
const recordHeaderBytes = 5
const recordBytesMax = 16_384
const handshakeHeaderBytes = 4
/** A hello in one-byte records would be legal and is only ever evasion; real clients use one to three. */
const recordsMax = 64

const handshakeRecord = 22
const clientHello = 1
const serverNameExtension = 0
const alpnExtension = 16
/** draft-ietf-tls-esni 5; the older number was esni's of drafts 1 to 6. */
const echExtensions: readonly number[] = [0xfe0d, 0xffce]

class Malformed extends Error {}

/** Takes fields off the front of a buffer; a field that is not all there is malformed. */
class Fields {
  readonly #bytes: Buffer
  #at = 0
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }
  get empty(): boolean {
    return this.#at === this.#bytes.length
  }
  number(width: number): number {
    return this.bytes(width).readUIntBE(0, width)
  }
  bytes(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new Malformed('A field of the ClientHello is cut short.')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
  /** A vector with its length in front (RFC 8446 3.4). */
  vector(width: number): Fields {
    return new Fields(this.bytes(this.number(width)))
  }
  rest(): Buffer {
    return this.bytes(this.#bytes.length - this.#at)
  }
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Malformed(message)
}

/** RFC 6066 3: one DNS name in ASCII, no address. */
function readServerName(extension: Fields): string {
  const list = extension.vector(2)
  check(extension.empty, 'The SNI extension has bytes behind its list.')
  check(list.number(1) === 0, 'The SNI is no host name.')
  const name = list.vector(2).rest().toString('latin1')
  check(list.empty, 'The SNI extension names several hosts.')
  check(name.length <= 254, 'The SNI is too long.')
  const host = name.endsWith('.') ? name.slice(0, -1) : name
  // Underscores are no host names, but stand in real ones.
  check(/^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/.test(host), 'The SNI is no host name.')
  check(!/(^|\.)(0[xX][0-9A-Fa-f]*|[0-9]+)$/.test(host), 'The SNI is an IP address.')
  return host.toLowerCase()
}

function readAlpn(extension: Fields): string[] {
  const list = extension.vector(2)
  check(extension.empty && !list.empty, 'The ALPN extension is malformed.')
  const protocols: string[] = []
  while (!list.empty) {
    const protocol = list.vector(1).rest().toString('latin1')
    check(protocol !== '', 'The ALPN extension has an empty name.')
    protocols.push(protocol)
  }
  return protocols
}

/** RFC 8446 4.1.2 and RFC 5246 7.4.1.2: the body of the handshake message. */
function readBody(body: Fields): ClientHello {
  check(body.number(1) === 3, 'The ClientHello has no version of TLS.')
  body.bytes(1 + 32)
  check(body.vector(1).rest().length <= 32, 'The session id is too long.')
  const suites = body.vector(2).rest()
  check(suites.length >= 2 && suites.length % 2 === 0, 'The cipher suites are malformed.')
  check(body.vector(1).rest().length >= 1, 'The compression methods are missing.')
  let sni: string | null = null
  let alpn: readonly string[] = []
  let ech = false
  const seen = new Set<number>()
  const extensions = body.empty ? null : body.vector(2)
  check(body.empty, 'The ClientHello has bytes behind its extensions.')
  while (extensions !== null && !extensions.empty) {
    const type = extensions.number(2)
    const extension = extensions.vector(2)
    check(!seen.has(type), 'The ClientHello has an extension twice.')
    seen.add(type)
    if (type === serverNameExtension) sni = readServerName(extension)
    else if (type === alpnExtension) alpn = readAlpn(extension)
    else if (echExtensions.includes(type)) ech = true
  }
  return { kind: 'hello', sni, alpn, ech }
}

/** Joins the payloads of the records; where the message is not whole, how many bytes might make it so. */
function readMessage(bytes: Buffer): Buffer | number {
  const pieces: Buffer[] = []
  let payload = 0
  let at = 0
  while (at + recordHeaderBytes <= bytes.length) {
    const length = bytes.readUInt16BE(at + 3)
    check(bytes[at] === handshakeRecord && bytes[at + 1] === 3, 'A record holds no handshake.')
    check(length >= 1 && length <= recordBytesMax, 'A record has a wrong length.')
    check(pieces.length < recordsMax, 'The ClientHello comes in too many records.')
    const piece = bytes.subarray(at + recordHeaderBytes, at + recordHeaderBytes + length)
    const announced = payload + length
    pieces.push(piece)
    payload += piece.length
    const isHeaderThere = payload >= handshakeHeaderBytes
    const end = isHeaderThere ? endOf(pieces) : handshakeHeaderBytes
    // Told by the record's header, so that it is the same before the bytes behind are there.
    check(!isHeaderThere || announced <= end, 'The ClientHello has bytes behind it in its record.')
    if (isHeaderThere && payload === end)
      return Buffer.concat(pieces).subarray(handshakeHeaderBytes)
    at += recordHeaderBytes + length
    // Within a record that is not all there: to its end, or to the message's, or to that of the message's header.
    if (at > bytes.length) return Math.min(at, bytes.length + end - payload)
  }
  return at + recordHeaderBytes
}

/** Where the message ends, by its own header. */
function endOf(pieces: readonly Buffer[]): number {
  const header = Buffer.concat(pieces, handshakeHeaderBytes)
  check(header[0] === clientHello, 'The first message is no ClientHello.')
  const end = handshakeHeaderBytes + header.readUIntBE(1, 3)
  check(end <= helloBytesMax, 'The ClientHello is too long.')
  return end
}

/**
 * Reads the bytes that a client sent first, all of them from the start each time.
 *
 * A partial record is read as far as it goes, so that what is wrong is told at once. SSLv2 hellos, plain
 * HTTP and every other first byte but a handshake record's are `not-tls`. Never throws.
 */
export function readClientHello(bytes: Buffer): ClientHello {
  if (bytes.length >= 1 && bytes[0] !== handshakeRecord) return { kind: 'not-tls' }
  if (bytes.length >= 2 && bytes[1] !== 3) return { kind: 'not-tls' }
  let needed: number
  try {
    const message = readMessage(bytes)
    if (typeof message !== 'number') return readBody(new Fields(message))
    needed = message
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return { kind: 'malformed', message: error.message }
  }
  if (bytes.length <= helloBytesMax) {
    // Within the first header each byte may tell that it is no TLS; no hello is longer than the bound.
    const next = bytes.length < recordHeaderBytes ? bytes.length + 1 : needed
    return { kind: 'need-more', bytes: Math.min(next, helloBytesMax + 1) }
  }
  return { kind: 'malformed', message: 'The ClientHello is too long.' }
}
