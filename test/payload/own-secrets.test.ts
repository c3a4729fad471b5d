/** The gate's own secrets are found in every listed form, however a stream is cut, and before they have gone. */
import fc from 'fast-check'
import { test } from 'tap'
import { isBlank } from '../../payload/decoder.ts'
import { type OwnSecret, ownSecrets } from '../../payload/own-secrets.ts'
import { secretBytesMin } from '../../payload/secret-forms.ts'
import { seed, seedSentence } from '../kernel/seed.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

const runs = { seed, numRuns: 100 }

const secretOf = (name: string, value: Uint8Array): OwnSecret => ({ name, value })

/** Bytes that are a secret: any at all, text that needs escapes, or what providers give. */
const value = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 60 }),
  fc
    .string({ minLength: 8, maxLength: 40, unit: 'binary' })
    .map((text) => Buffer.from(text, 'utf8')),
  fc.stringMatching(/^[A-Za-z0-9+/_=-]{8,60}$/).map((text) => Buffer.from(text)),
)

const jsonUnicode = (bytes: Buffer): string =>
  [...bytes.toString('utf8')]
    .flatMap((character) => character.split(''))
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')

const percented = (bytes: Buffer): string => bytes.toString('hex').replace(/../g, '%$&')

/** Each form, of a secret with other bytes around it. */
const forms: Readonly<Record<string, (secret: Buffer, before: Buffer, after: Buffer) => Buffer>> = {
  raw: (secret, before, after) => Buffer.concat([before, secret, after]),
  base64: (secret, before, after) =>
    Buffer.from(Buffer.concat([before, secret, after]).toString('base64')),
  'base64 for addresses': (secret, before, after) =>
    Buffer.from(Buffer.concat([before, secret, after]).toString('base64url')),
  'base64 in lines of 76': (secret, before, after) =>
    Buffer.from(
      Buffer.concat([before, secret, after]).toString('base64').replace(/.{76}/g, '$&\r\n'),
    ),
  'base64 in lines inside JSON': (secret, before, after) => {
    const base64 = Buffer.concat([before, secret, after]).toString('base64')
    return Buffer.from(JSON.stringify(base64.replace(/.{20}/g, '$&\n')))
  },
  hexadecimal: (secret) => Buffer.from(secret.toString('hex')),
  'hexadecimal in capitals': (secret) => Buffer.from(secret.toString('hex').toUpperCase()),
  'percent signs everywhere': (secret) => Buffer.from(percented(secret)),
  'percent signs in capitals': (secret) => Buffer.from(percented(secret).toUpperCase()),
  'percent signs twice': (secret) => Buffer.from(percented(secret).replaceAll('%', '%25')),
}

/** Forms that only text has. */
const textForms: typeof forms = {
  JSON: (secret) => Buffer.from(JSON.stringify({ a: secret.toString('utf8') })),
  'JSON in JSON': (secret) =>
    Buffer.from(JSON.stringify(JSON.stringify({ a: secret.toString('utf8') }))),
  'every character as \\u': (secret) => Buffer.from(jsonUnicode(secret)),
  'percent signs in JSON': (secret) =>
    Buffer.from(JSON.stringify(encodeURIComponent(secret.toString('utf8').toWellFormed()))),
  'JSON in a form': (secret) =>
    Buffer.from(encodeURIComponent(JSON.stringify(secret.toString('utf8').toWellFormed()))),
  'a form, blanks as plus': (secret) =>
    Buffer.from(new URLSearchParams({ a: secret.toString('utf8').toWellFormed() }).toString()),
  'UTF-16': (secret) => Buffer.from(secret.toString('utf8'), 'utf16le'),
}

const isText = (bytes: Buffer): boolean => Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes)

/** UTF-16 is found where it is ASCII with zero bytes between. */
const isAscii = (bytes: Buffer): boolean => bytes.every((byte) => byte > 0 && byte < 128)

test('a secret is found in each form, whatever stands around it', async (t) => {
  for (const [name, form] of Object.entries({ ...forms, ...textForms })) {
    fc.assert(
      fc.property(
        value,
        fc.uint8Array({ maxLength: 9 }),
        fc.uint8Array({ maxLength: 9 }),
        (bytes, before, after) => {
          const secret = Buffer.from(bytes)
          // docs/payload.md: with fewer characters beside its blanks it is found only as it is written.
          fc.pre(bytes.filter((byte) => !isBlank(byte)).length >= secretBytesMin)
          fc.pre(name in forms || (isText(secret) && (name !== 'UTF-16' || isAscii(secret))))
          const payload = form(secret, Buffer.from(before), Buffer.from(after))
          const own = ownSecrets([secretOf('other', Buffer.alloc(9, 7)), secretOf('it', secret)])
          const names = own.search(payload).map((found) => found.name)
          if (!names.includes('it')) throw new Error(`not found in ${payload.toString('latin1')}`)
        },
      ),
      runs,
    )
    t.pass(name)
  }
})

test('bytes that hold no form of a secret are passed', async (t) => {
  const own = ownSecrets([secretOf('it', Buffer.from('correct-horse-battery'))])
  for (const text of [
    '',
    'correct-horse',
    'correct-horse-batter',
    'Correct-Horse-Battery',
    '\\u00',
    '%',
    '%2',
  ]) {
    t.same(own.search(Buffer.from(text)), [], text)
  }
})

/** Cuts bytes at any places. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}

test('however a stream is cut, the same is found, and no four bytes of the secret went before', async (t) => {
  const cuts = fc.array(fc.nat({ max: 4_000 }), { maxLength: 40 })
  const all = Object.entries({ ...forms, ...textForms })
  fc.assert(
    fc.property(value, fc.nat({ max: all.length - 1 }), cuts, (bytes, which, places) => {
      const secret = Buffer.from(bytes)
      const [name, form] = all[which] ?? ['', null]
      fc.pre(form !== null && (name in forms || (isText(secret) && name !== 'UTF-16')))
      const inner = form?.(secret, Buffer.from('~'), Buffer.from('~')) ?? secret
      const payload = Buffer.concat([Buffer.from('{"x":"'), inner, Buffer.from('"}')])
      const own = ownSecrets([secretOf('it', secret)])
      const scan = own.openScan()
      let released = 0
      for (const piece of pieces(payload, places)) {
        const next = scan.push(piece)
        if (next < released) throw new Error('it took back what went')
        if (scan.found.length === 0) released = next
      }
      scan.end()
      if (scan.found.length !== 1) throw new Error(`${name}: not found in ${payload}`)
      const start = name === 'raw' ? payload.indexOf(secret) : -1
      if (start !== -1 && released > start + 3) throw new Error(`${released - start} bytes went`)
    }),
    { ...runs, numRuns: 600 },
  )
  t.pass('over random cuts')
})

test('a stream is let go at once where no secret begins', async (t) => {
  const scan = ownSecrets([secretOf('it', Buffer.from('correct-horse-battery'))]).openScan()
  t.equal(scan.push(Buffer.from('data: x\n\n')), 9)
  t.equal(scan.push(Buffer.from('cor')), 12, 'three bytes are no beginning to wait for')
  t.equal(scan.push(Buffer.from('rect-')), 12, 'eight are')
  t.equal(scan.push(Buffer.from('ly')), 19)
  t.equal(scan.push(Buffer.from('corr\\u0065ct')), 19, 'the beginning may be escaped')
  t.equal(scan.push(Buffer.from('-horse-batterx')), 45)
  scan.end()
  t.same(scan.found, [])
})

test('a secret that is too short or too long is named, and not searched', async (t) => {
  const own = ownSecrets([
    secretOf('short', Buffer.from('1234567')),
    secretOf('just', Buffer.from('12345678')),
    secretOf('long', Buffer.alloc(16 * 1024 + 1, 65)),
  ])
  t.same(own.unsearched, ['short', 'long'])
  t.same(own.search(Buffer.from('1234567')), [])
  t.same(
    own.search(Buffer.from('x12345678')).map(({ name }) => name),
    ['just'],
  )
  t.same(ownSecrets([]).search(Buffer.from('anything')), [])
})

test('secrets that hold one another are all found', async (t) => {
  const own = ownSecrets(
    ['abcdefgh', 'abcdefghij', 'cdefghijk', 'ghijklmnop'].map((text) =>
      secretOf(text, Buffer.from(text)),
    ),
  )
  const names = (text: string) =>
    own
      .search(Buffer.from(text))
      .map(({ name }) => name)
      .sort()
  t.same(names('abcdefghijklmnop'), ['abcdefgh', 'abcdefghij', 'cdefghijk', 'ghijklmnop'])
  t.same(names('abcdefghijxcdefghijk'), ['abcdefgh', 'abcdefghij', 'cdefghijk'])
  t.same(names('bcdefghijk'), ['cdefghijk'])
})

test('long secrets are found deep inside, in small chunks, and after a start that came to nothing', async (t) => {
  const long = (letter: string): string =>
    Array.from({ length: 700 }, (_, index) => `${letter}${index}`).join('-')
  const texts = [long('a'), long('b'), long('a').slice(2_000, 2_030), 'x-a500-b1-y']
  const own = ownSecrets(texts.map((text) => secretOf(text.slice(0, 12), Buffer.from(text))))
  const names = own.search(Buffer.from(long('a'))).map(({ name }) => name)
  t.same(names, [texts[2]?.slice(0, 12), texts[0]?.slice(0, 12)], 'the shorter ends first')
  for (const size of [1, 7, 1_000]) {
    const scan = own.openScan()
    // The beginning of one that turns into another near its end.
    const payload = Buffer.from(`${long('b').slice(0, -1)}${long('b')}`)
    let released = 0
    for (let at = 0; at < payload.length; at += size) {
      const next = scan.push(payload.subarray(at, at + size))
      if (scan.found.length === 0) released = next
    }
    t.equal(scan.found.length, 1, `in chunks of ${size}`)
    t.ok(released < payload.length - long('b').length + 4, 'and nothing of it went')
  }
})
