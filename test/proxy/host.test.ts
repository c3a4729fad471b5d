/** Every spelling of an address is one host, so that a rule that names it sees them all; WHATWG URL is the judge. */
import { isIPv4 } from 'node:net'
import { array, assert, constantFrom, integer, property, stringMatching } from 'fast-check'
import { test } from 'tap'
import { readHost } from '../../proxy/host.ts'
import { readAbsolute, readTunnel } from '../../proxy/target.ts'

/** As Node gives what came on the wire: a character for each byte. */
const wire = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

const spellings: readonly [host: string, spellings: readonly string[]][] = [
  [
    '8.8.8.8',
    [
      ...[
        '8.8.8.8',
        '8.8.8.8.',
        '134744072',
        '134744072.',
        '0x08080808',
        '0X08080808',
        '01002004010',
      ],
      ...['8.526344', '8.8.2056', '0x8.8.2056', '010.010.010.010', '0x8.0x8.0x8.0x8', '8.8.8.0x8'],
      ...['0x000000000000000000000000008.8.8.8', '00000000000000000000000000010.8.8.8'],
      ...[
        '８.８.８.８',
        '８。８。８。８',
        '１３４７４４０７２',
        '⑧.⑧.⑧.⑧',
        '８.0x8.８.8',
        '0ｘ8.8.8.8',
      ],
      ...['[::ffff:8.8.8.8]', '[::FFFF:808:808]', '[0:0:0:0:0:ffff:808:808]'],
      ...['[0000:0000:0000:0000:0000:ffff:0808:0808]', '[::0:ffff:8.8.8.8]'],
    ],
  ],
  [
    '127.0.0.1',
    [
      ...['127.0.0.1', '127.1', '127.0.1', '0177.0.0.1', '0x7f.1', '0x7f000001', '2130706433'],
      ...[
        '017700000001',
        '[::ffff:127.0.0.1]',
        '[::ffff:7f00:1]',
        '１２７.1',
        '127.0x.0x.1',
        '127.0.1.',
      ],
    ],
  ],
  ['169.254.169.254', ['2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '[::ffff:a9fe:a9fe]']],
  ['0.0.0.0', ['0', '0x', '00', '0.0', '0x.0X', '[::ffff:0:0]', '[::ffff:0.0.0.0]']],
  ['255.255.255.255', ['4294967295', '0xffffffff', '037777777777', '255.16777215']],
  ['::', ['[::]', '[0:0:0:0:0:0:0:0]', '[0::0]', '[::0.0.0.0]']],
  ['2001:db8::1', ['[2001:DB8:0:0:0:0:0:1]', '[2001:0db8::0001]', '[2001:db8:0::0:1]']],
  ['2001:db8:0:1:1:1:1:1', ['[2001:db8:0:1:1:1:1:1]', '[2001:db8::1:1:1:1:1]']],
  ['2001:0:0:1::1', ['[2001:0:0:1:0:0:0:1]', '[2001::1:0:0:0:1]']],
  // Each of these holds an IPv4 address, and is an address of its own all the same.
  ['64:ff9b::808:808', ['[64:ff9b::8.8.8.8]', '[64:ff9b:0:0::808:808]']],
  ['::808:808', ['[::8.8.8.8]']],
  ['::ffff:0:808:808', ['[::ffff:0:8.8.8.8]']],
  ['2002:808:808::', ['[2002:808:808::]']],
  ['xn--bcher-kva.example', ['bücher.example', 'BÜCHER.example.', 'xn--bcher-kva.EXAMPLE']],
  // Only the last label says whether a name is numbers.
  ['1.2.3.4.example', ['1.2.3.4.example', '1.2.3.4.EXAMPLE.']],
]

test('an address has one spelling, whichever a client chose', async (t) => {
  for (const [host, texts] of spellings) {
    for (const text of texts) {
      t.equal(readHost(wire(text)), host, text)
      if (host.includes(':')) continue
      t.match(readAbsolute(`http://${wire(text)}:81/`), { ok: true, host, port: 81 }, text)
      t.match(readTunnel(`${wire(text)}:443`), { ok: true, host, port: 443 }, text)
    }
  }
})

test('a name that ends in a number and is no address is no host', async (t) => {
  for (const text of [
    ...[
      '256.1.1.1',
      '1.256.1.1',
      '1.1.1.256',
      '1.1.65536',
      '1.16777216',
      '4294967296',
      '0x100000000',
    ],
    ...[
      '1.2.3.4.5',
      '1.2.3.4.0x5',
      'example.1',
      'example.0x',
      'example.0xff',
      'a.08',
      '09',
      '08.1.1.1',
    ],
    ...['1.2.3.08', '0b1.1', '1e1.1', '-1.1', '+1.1', '1_0.1', '1..1', '.1', '1.1..', '0xg.1'],
    ...[
      '9'.repeat(63),
      `0x${'f'.repeat(61)}`,
      '１.２.３.４.５',
      '２５６.1.1.1',
      '99999999999999999999.1',
    ],
  ]) {
    t.equal(readHost(wire(text)), null, text)
  }
})

test('an IPv6 address with a zone, a port inside, or too much of anything is no host', async (t) => {
  for (const text of [
    ...[
      '[fe80::1%eth0]',
      '[fe80::1%25eth0]',
      '[::1%]',
      '[::1%lo]',
      '[::ffff:8.8.8.8%1]',
      '[::1]x',
      '[[::1]]',
    ],
    ...[
      '[::g]',
      '[:::]',
      '[1::2::3]',
      '[1:2:3:4:5:6:7]',
      '[1:2:3:4:5:6:7:8:9]',
      '[12345::]',
      '[::1.2.3]',
    ],
    ...[
      '[::ffff:256.1.1.1]',
      '[::ffff:08.8.8.8]',
      '[::ffff:0x8.8.8.8]',
      '[::ffff:134744072]',
      '[v1.a]',
    ],
    ...['[]', '[ ::1]', '[::1 ]', `[${'0'.repeat(60)}::1]`, '8.8.8.8]', '[8.8.8.8]', '[134744072]'],
  ]) {
    t.equal(readHost(text), null, text)
  }
})

test('bytes that are no UTF-8, and characters that a URL would stop at, are no host', async (t) => {
  for (const text of [
    ...[
      '\xfc.example',
      'b\xfccher.example',
      '\xff',
      '\xc0\xae.example',
      '\xe2\x84',
      '\xed\xa0\x80.example',
    ],
    ...[
      'é/x',
      'é?x',
      'é#x',
      'é@x',
      'é:1',
      'é%2e1',
      'é\t',
      'é\n',
      'é x',
      'é\\x',
      'é\u0000',
      '℀.example',
      '\ufffd',
    ].map(wire),
  ]) {
    t.equal(readHost(text), null, JSON.stringify(text))
  }
})

/** What a URL parser makes of a host; null where it finds none. */
function judged(host: string): string | null {
  try {
    return new URL(`http://${host}/`).hostname
  } catch {
    return null
  }
}

const number = stringMatching(/^(?:[0-9]{1,11}|0[xX][0-9a-fA-F]{0,10}|0[0-9]{0,13})$/)

test('numbers are the address that a URL parser makes of them', async () => {
  const names = array(number, { minLength: 1, maxLength: 5 })
  const ends = constantFrom('', '.')
  assert(
    property(names, ends, (labels, end) => {
      const text = labels.join('.') + end
      return readHost(text) === judged(text)
    }),
    { numRuns: 3000 },
  )
})

test('every IPv4 address is read alike in each of its spellings', async () => {
  const word = integer({ min: 0, max: 2 ** 32 - 1 })
  assert(
    property(word, (value) => {
      const [a, b, c, d] = [24, 16, 8, 0].map((shift) => (value >>> shift) & 255)
      const dotted = `${a}.${b}.${c}.${d}`
      const [high, low] = [(value >>> 16).toString(16), (value & 0xffff).toString(16)]
      const others = [String(value), `0x${value.toString(16)}`, `0${value.toString(8)}`]
      const mapped = [`[::ffff:${high}:${low}]`, `[::ffff:${dotted}]`]
      return (
        isIPv4(dotted) && [dotted, ...others, ...mapped].every((text) => readHost(text) === dotted)
      )
    }),
    { numRuns: 1000 },
  )
})

test('what is read reads as itself', async () => {
  const any = stringMatching(/^[a-z0-9.:x[\]-]{1,20}$/)
  assert(
    property(any, (text) => {
      const host = readHost(text)
      if (host === null) return true
      return readHost(host.includes(':') ? `[${host}]` : host) === host
    }),
    { numRuns: 5000 },
  )
})
