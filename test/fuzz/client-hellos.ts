/** Fuzzes the reader of ClientHellos: real ones and made ones, changed, whole and in every beginning of theirs. */
import fc from 'fast-check'
import { type ClientHello, helloBytesMax, readClientHello } from '../../proxy/client-hello.ts'
import { readHost } from '../../proxy/host.ts'
import { buildMessage, captureHello, inRecords } from '../proxy/hellos.ts'
import { ensure, type Fuzzed, type Reached } from './fuzzed.ts'
import { mutated } from './mutation.ts'
import { timely } from './timely.ts'

/** So many beginnings are read of each hello, the very first ones among them, as each is read from its start. */
const beginningsMax = 256
const firstBytes = 64

const made = fc
  .record({
    names: fc.array(fc.oneof(fc.domain(), fc.ipV4(), fc.constantFrom('', 'a_b.test.', '0x7f.1')), {
      maxLength: 2,
    }),
    extensions: fc.array(
      fc.record({
        type: fc.constantFrom(0, 10, 16, 43, 51, 0xfe0d, 0xffce, 0x1a1a),
        body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      }),
      { maxLength: 4 },
    ),
    version: fc.constantFrom(0x0303, 0x0301, 0x0200),
    recordBytes: fc.constantFrom(1, 3, 5, 50, 16_384),
  })
  .map(({ recordBytes, ...parts }) => inRecords(buildMessage(parts), recordBytes))

const pieces = [
  '\x00',
  '\x16\x03\x01',
  '\x00\x00',
  '\x01',
  '\x00\x10\x00\x05\x00\x03\x02h2',
  '.',
  'A',
]

/** Two sentences about what is malformed may follow each other; nothing else may. */
function kindOf(hello: ClientHello): string {
  return hello.kind === 'malformed' ? hello.kind : JSON.stringify(hello)
}

/** Reads every beginning, shortest first: a verdict is never taken back, and no byte is waited for in vain. */
function readGrowing(bytes: Buffer, whole: ClientHello): void {
  const step = Math.ceil(bytes.length / beginningsMax)
  let verdict: string | null = null
  let wanted = 0
  for (let length = 0; length < bytes.length; length += length < firstBytes ? 1 : step) {
    const hello = readClientHello(bytes.subarray(0, length))
    if (hello.kind === 'need-more') {
      ensure(verdict === null, `${length} bytes want more behind a verdict`)
      ensure(hello.bytes > length, 'more is wanted than there is')
      ensure(hello.bytes <= helloBytesMax + 1, 'no more is wanted than may be')
      if (length < wanted) ensure(hello.bytes === wanted, 'what is wanted stays until it is there')
      wanted = hello.bytes
      continue
    }
    ensure(length >= wanted, 'nothing is judged before what was wanted is there')
    verdict ??= kindOf(hello)
    ensure(verdict === kindOf(hello), `${length} bytes change the verdict`)
  }
  ensure(verdict === null || verdict === kindOf(whole), 'the whole changes the verdict')
}

function judge(bytes: Buffer, reached: Reached): void {
  const hello = timely(bytes.length, () => readClientHello(bytes))
  reached(hello.kind)
  readGrowing(bytes, hello)
  if (hello.kind !== 'hello' || hello.sni === null) return
  reached('a name')
  ensure(readHost(hello.sni) === hello.sni, 'an SNI is spelled as a host is')
}

export const clientHellos: Fuzzed = {
  name: 'client-hellos',
  share: 4,
  roundRuns: 50,
  reaches: ['hello', 'a name', 'malformed', 'not-tls', 'need-more'],
  open: async (reached) => {
    const real = await Promise.all([
      captureHello({ servername: 'a.test', ALPNProtocols: ['h2', 'http/1.1'] }),
      captureHello({ servername: 'www.example.com', maxVersion: 'TLSv1.2' }),
      captureHello({ minVersion: 'TLSv1.3' }),
      captureHello({ servername: `${'long.'.repeat(40)}test` }),
    ])
    const whole = fc.constantFrom(...real)
    // A captured hello has one record: what stands behind its header is the message.
    const cut = fc
      .tuple(whole, fc.constantFrom(1, 7, 64, 200, 1_000))
      .map(([bytes, size]) => inRecords(bytes.subarray(5), size))
    const other = fc
      .constantFrom('GET / HTTP/1.1\r\n', 'SSH-2.0-x\r\n', '')
      .map((text) => Buffer.from(text))
    const source = mutated(
      fc.oneof(
        { weight: 6, arbitrary: whole },
        { weight: 6, arbitrary: cut },
        { weight: 6, arbitrary: made },
        other,
      ),
      pieces,
    )
    return fc.property(source, (bytes) => judge(bytes, reached))
  },
}
