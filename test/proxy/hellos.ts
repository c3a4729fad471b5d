/** ClientHellos for tests: captured from Node's own TLS, and built by hand where no client would send them. */
import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'

/** The first bytes that Node's TLS client sends with these options. */
export function captureHello(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        resolve(chunk)
        done()
        setImmediate(() => wire.destroy())
      },
    })
    connect({ ...options, socket: wire }).on('error', () => {})
  })
}

export interface HelloParts {
  /** Host names of the SNI list; none leaves the extension out. */
  readonly names?: readonly (string | Buffer)[]
  readonly extensions?: readonly { readonly type: number; readonly body: Buffer }[]
  readonly version?: number
}

function vector(width: number, body: Buffer): Buffer {
  const length = Buffer.alloc(width)
  length.writeUIntBE(body.length, 0, width)
  return Buffer.concat([length, body])
}

function number(width: number, value: number): Buffer {
  const bytes = Buffer.alloc(width)
  bytes.writeUIntBE(value, 0, width)
  return bytes
}

export function sniBody(names: readonly (string | Buffer)[]): Buffer {
  const entries = names.map((name) => {
    const bytes = typeof name === 'string' ? Buffer.from(name, 'latin1') : name
    return Buffer.concat([Buffer.from([0]), vector(2, bytes)])
  })
  return vector(2, Buffer.concat(entries))
}

/** The handshake message, without records. */
export function buildMessage(parts: HelloParts): Buffer {
  const { names = [], extensions = [], version = 0x0303 } = parts
  const all = names.length === 0 ? extensions : [{ type: 0, body: sniBody(names) }, ...extensions]
  const list = Buffer.concat(
    all.map(({ type, body }) => Buffer.concat([number(2, type), vector(2, body)])),
  )
  const body = Buffer.concat([
    number(2, version),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 9)),
    vector(2, Buffer.from([0x13, 0x01, 0xc0, 0x2b])),
    vector(1, Buffer.from([0])),
    vector(2, list),
  ])
  return Buffer.concat([Buffer.from([1]), vector(3, body)])
}

/** Cuts a message into records of so many bytes. */
export function inRecords(message: Buffer, size: number): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    records.push(Buffer.from([22, 3, 1]), vector(2, message.subarray(at, at + size)))
  }
  return Buffer.concat(records)
}

export function buildHello(parts: HelloParts): Buffer {
  return inRecords(buildMessage(parts), 16_384)
}
