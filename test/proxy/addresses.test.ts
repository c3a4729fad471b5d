/** Every range that is set apart, by table; metadata and the gate itself stay shut whatever a rule opens. */
import fc from 'fast-check'
import { test } from 'tap'
import { covers, readAddress, readCidr } from '../../proxy/address.ts'
import { classify, judge } from '../../proxy/addresses.ts'
import '../kernel/seed.ts'

const nowhere = { own: [], interfaces: [] }
const everything = ['0.0.0.0/0', '::/0'].flatMap((text) => readCidr(text) ?? [])

function verdict(address: string, cidrs: readonly string[] = [], port = 443): boolean {
  const allowed = cidrs.flatMap((text) => readCidr(text) ?? [])
  return judge({ address, port }, allowed, nowhere).ok
}

const ranges: Readonly<Record<string, readonly string[]>> = {
  global: [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2606:4700::1111',
    '2001:200::1',
    '2a00:1450::8a',
    '::ffff:1.1.1.1',
    '64:ff9b::101:101',
  ],
  unspecified: ['0.0.0.0', '::', '::ffff:0.0.0.0'],
  'this-network': ['0.0.0.1', '0.255.255.255'],
  private: [
    '10.0.0.0',
    '10.255.255.255',
    '172.16.0.0',
    '172.31.255.255',
    '192.168.0.0',
    '192.168.255.255',
    '::ffff:10.1.2.3',
    '::ffff:a01:203',
    '0:0:0:0:0:ffff:192.168.1.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::c0a8:1',
  ],
  'carrier-grade-nat': ['100.64.0.0', '100.127.255.255'],
  loopback: [
    '127.0.0.1',
    '127.255.255.255',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
  ],
  'link-local': ['169.254.0.0', '169.254.255.255', 'fe80::1', 'febf:ffff::1', '::ffff:169.254.1.1'],
  'protocol-assignments': [
    '192.0.0.0',
    '192.0.0.170',
    '2001:1::1',
    '2001:1ff:ffff::1',
    '2001:3::1',
  ],
  documentation: [
    '192.0.2.1',
    '198.51.100.1',
    '203.0.113.255',
    '233.252.0.1',
    '2001:db8::1',
    '3fff:fff::1',
  ],
  as112: ['192.31.196.1', '192.175.48.1', '2620:4f:8000::1'],
  amt: ['192.52.193.1'],
  '6to4-relay': ['192.88.99.1'],
  benchmark: ['198.18.0.0', '198.19.255.255', '2001:2::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ffff::1'],
  reserved: [
    '240.0.0.0',
    '255.255.255.254',
    '4000::1',
    '8000::1',
    'e000::1',
    '200::1',
    '64:ff9a::1',
    '64:ff9b:2::1',
    '::1:0:0:0',
  ],
  broadcast: ['255.255.255.255', '::ffff:255.255.255.255'],
  'v4-compatible': ['::7f00:1', '::127.0.0.1', '::1.1.1.1', '::2'],
  'v4-translated': ['::ffff:0:7f00:1', '::ffff:0:1.1.1.1'],
  'nat64-local': ['64:ff9b:1::1', '64:ff9b:1:ffff::10.0.0.1'],
  'discard-only': ['100::1'],
  'dummy-prefix': ['100:0:0:1::1'],
  teredo: ['2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  orchid: ['2001:10::1', '2001:1f:ffff::1', '2001:20::1', '2001:2f::1'],
  '6to4': ['2002:7f00:1::1', '2002:101:101::1', '2002:a00:1::'],
  'segment-routing': ['5f00::1', '5f00:ffff::1'],
  'unique-local': ['fc00::1', 'fdff:ffff::1'],
  'site-local': ['fec0::1', 'feff::1'],
  'cloud-metadata': [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::169.254.169.254',
    '::ffff:0:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a9fe:a9fe',
    '64:ff9b:1:a9fe:a9:fe00::',
    '2002:a9fe:a9fe::1',
    '2001:0:a9fe:a9fe::1',
    '2001::5601:5601',
    'fd00:ec2::254',
    'fd00:ec2:0:0:0:0:0:254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fd00:c1::a9fe:a9fe',
    '169.254.170.2',
    '169.254.170.23',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    '169.254.0.23',
    'fe80::a9fe:a9fe',
  ],
}

test('each address lies in the range that its RFC gives it', (t) => {
  for (const [name, addresses] of Object.entries(ranges)) {
    for (const address of addresses) {
      const range = classify(address)
      t.equal(range?.name, name, address)
      t.ok(range?.source, 'a source is named')
      t.equal(verdict(address), name === 'global', `${address} alone`)
      const open = judge({ address, port: 443 }, everything, nowhere).ok
      t.equal(open, name !== 'cloud-metadata', `${address} where a rule opens everything`)
    }
  }
  t.end()
})

test('a rule opens what its CIDR covers, and nothing beside it', (t) => {
  const cases: [address: string, cidrs: string[], ok: boolean][] = [
    ['10.1.2.3', ['10.1.0.0/16'], true],
    ['10.2.2.3', ['10.1.0.0/16'], false],
    ['10.1.2.3', ['10.1.2.3'], true],
    ['10.1.2.4', ['10.1.2.3'], false],
    ['10.1.2.4', ['192.168.0.0/16', '10.1.2.4/31'], true],
    ['::ffff:10.1.2.3', ['10.1.0.0/16'], true],
    ['10.1.2.3', ['::ffff:10.1.0.0/112'], false],
    ['::ffff:10.1.2.3', ['::ffff:10.1.0.0/112'], true],
    ['::ffff:10.1.2.3', ['::/0'], false],
    ['10.1.2.3', ['::/0'], false],
    ['fd12::1', ['fd12::/16'], true],
    ['fd12::1', ['fd13::/16'], false],
    ['fd12::1', ['0.0.0.0/0'], false],
    ['127.0.0.1', ['127.0.0.0/8'], true],
    ['::1', ['::1/128'], true],
    ['64:ff9b::a00:1', ['10.0.0.0/8'], false],
    ['64:ff9b::a00:1', ['64:ff9b::/96'], true],
    ['2002:a00:1::1', ['10.0.0.0/8'], false],
  ]
  for (const [address, cidrs, ok] of cases)
    t.equal(verdict(address, cidrs), ok, `${address} ${cidrs}`)
  t.end()
})

test('the gate itself is out of reach, by every name it has', (t) => {
  const interfaces = ['192.0.2.7', '10.0.0.7', 'fd00::7', '127.0.0.1', '::1']
  const cases: [own: string, address: string, port: number, ok: boolean][] = [
    ['127.0.0.1', '127.0.0.1', 3128, false],
    ['127.0.0.1', '127.0.0.1', 3130, true],
    ['127.0.0.1', '::ffff:127.0.0.1', 3128, false],
    ['127.0.0.1', '0.0.0.0', 3128, false],
    ['127.0.0.1', '::', 3128, false],
    ['127.0.0.1', '127.0.0.2', 3128, true],
    ['::ffff:127.0.0.1', '127.0.0.1', 3128, false],
    ['::1', '::1', 3128, false],
    ['::1', '127.0.0.1', 3128, true],
    ['0.0.0.0', '127.0.0.1', 3128, false],
    ['0.0.0.0', '127.8.8.8', 3128, false],
    ['0.0.0.0', '10.0.0.7', 3128, false],
    ['0.0.0.0', '10.0.0.8', 3128, true],
    ['0.0.0.0', '10.0.0.7', 3131, true],
    ['0.0.0.0', '0.0.0.0', 3128, false],
    ['::', '127.0.0.1', 3128, false],
    ['::', '::1', 3128, false],
    ['::', '::ffff:10.0.0.7', 3128, false],
    ['::', 'fd00:0:0::7', 3128, false],
    ['10.0.0.7', '10.0.0.7', 3128, false],
    ['10.0.0.7', '127.0.0.1', 3128, true],
    ['10.0.0.7', '0.0.0.0', 3128, true],
    ['localhost', '127.0.0.1', 3128, true],
  ]
  for (const [own, address, port, ok] of cases) {
    const surroundings = { own: [{ address: own, port: 3128 }], interfaces }
    const answer = judge(
      { address, port },
      everything.concat(readCidr('::ffff:0:0/96') ?? []),
      surroundings,
    )
    t.equal(answer.ok, ok, `${address}:${port} while listening on ${own}`)
  }
  t.end()
})

test('what is no plain address is no address', (t) => {
  for (const text of [
    '',
    '127.1',
    '0x7f000001',
    '2130706433',
    '0177.0.0.1',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.4 ',
    'fe80::1%eth0',
    '::ffff:1.2.3',
    '1::2::3',
    '[::1]',
    'localhost',
    '１２７.0.0.1',
    '127.0.0.1/8',
  ]) {
    t.equal(classify(text), null, JSON.stringify(text))
    t.equal(verdict(text, ['0.0.0.0/0', '::/0']), false)
  }
  for (const text of [
    '',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '::/129',
    '10/8',
    '10.0.0.0/8/8',
    '::%1/0',
    '10.0.0.0/ 8',
  ]) {
    t.equal(readCidr(text), null, JSON.stringify(text))
  }
  t.end()
})

test('an address is read as the same number however it is written', (t) => {
  const word = fc.integer({ min: 0, max: 0xffff })
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 8, maxLength: 8 }),
      fc.nat({ max: 128 }),
      (words, bits) => {
        const full = words.map((value) => value.toString(16).padStart(4, '0')).join(':')
        const short = new URL(`http://[${full}]/`).hostname.slice(1, -1)
        const read = readAddress(full)
        const cidr = readCidr(`${full}/${bits}`)
        return (
          read !== null &&
          cidr !== null &&
          JSON.stringify(read) === JSON.stringify(words) &&
          JSON.stringify(readAddress(short)) === JSON.stringify(words) &&
          covers(cidr, words) &&
          classify(full)?.name === classify(short)?.name &&
          (bits === 0 ||
            !covers(
              cidr,
              words.map((value, index) => flip(value, index, bits - 1)),
            ))
        )
      },
    ),
  )
  t.end()
})

/** Flips the bit of that number, counted from the front. */
function flip(word: number, index: number, bit: number): number {
  return index === bit >> 4 ? word ^ (0x8000 >> (bit & 15)) : word
}
