/** Content codings of bodies that are judged: taken off whole and bounded, or refused. */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { test } from 'tap'
import { uncode } from '../../../proxy/inspect/coding.ts'

const bytesMax = 10_000
const text = Buffer.from(JSON.stringify({ order: 'ten', note: 'x'.repeat(500) }))
const full = Buffer.alloc(bytesMax, 'a')

const folds = { gzip: gzipSync, 'x-gzip': gzipSync, deflate: deflateSync, br: brotliCompressSync }

void test('a body is read as it was before it was coded', async (t) => {
  for (const coding of ['', 'identity', ' Identity ']) {
    t.strictSame(await uncode(text, coding, bytesMax), { ok: true, body: text }, coding)
  }
  for (const [name, fold] of Object.entries(folds)) {
    for (const coding of [name, name.toUpperCase(), ` ${name} `]) {
      t.strictSame(await uncode(fold(text), coding, bytesMax), { ok: true, body: text }, coding)
    }
    t.match(await uncode(fold(full), name, bytesMax), { ok: true }, 'exactly as much as may be')
  }
})

void test('a body that unfolds to one byte too many, or to a thousand times as much, is too large', async (t) => {
  for (const [name, fold] of Object.entries(folds)) {
    for (const size of [bytesMax + 1, 50_000_000]) {
      const read = await uncode(fold(Buffer.alloc(size)), name, bytesMax)
      t.match(read, { ok: false, code: 'request-too-large' }, `${name} ${size}`)
    }
  }
})

void test('what is not whole, not of its coding, or coded twice is refused', async (t) => {
  const cases: [string, Buffer, string][] = [
    ['text as gzip', text, 'gzip'],
    ['nothing as gzip', Buffer.alloc(0), 'gzip'],
    ['a brotli body as gzip', brotliCompressSync(text), 'gzip'],
    ['deflate without its zlib head', deflateRawSync(text), 'deflate'],
    ['a list of codings', gzipSync(gzipSync(text)), 'gzip, gzip'],
    ['identity and gzip', gzipSync(text), 'identity, gzip'],
    ['an unknown coding', text, 'zstd'],
    ['the name of a member of every object', text, 'constructor'],
    ['a name that is no token', text, '\u0000"<script>'.repeat(9)],
  ]
  for (const [name, fold] of Object.entries(folds)) {
    const whole = fold(text)
    for (const length of [1, whole.length >> 1, whole.length - 1]) {
      cases.push([`${name} of ${length} bytes`, whole.subarray(0, length), name])
    }
  }
  for (const [name, body, coding] of cases) {
    const read = await uncode(body, coding, bytesMax)
    t.match(read, { ok: false, code: 'malformed-request' }, name)
    t.notOk(!read.ok && read.message.includes('<'), 'what the client wrote is not said again')
  }
})

void test('bytes behind the end of a coded body are no part of what goes on', async (t) => {
  const behind = Buffer.from('{"order":"other"}')
  for (const [name, fold] of Object.entries(folds)) {
    const read = await uncode(Buffer.concat([fold(text), behind]), name, bytesMax)
    if (read.ok) t.strictSame(read.body, text, name)
    else t.equal(read.code, 'malformed-request', name)
  }
  const members = Buffer.concat([gzipSync('{"a":'), gzipSync('1}')])
  t.strictSame(await uncode(members, 'gzip', bytesMax), { ok: true, body: Buffer.from('{"a":1}') })
})
