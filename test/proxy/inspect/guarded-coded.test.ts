/** A coded upload that is searched on its way: what it unfolds to is looked at, and what goes on is what came. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { test } from 'tap'
import { openInspector } from '../../../payload/inspect.ts'
import { guardedBytes } from '../../../proxy/inspect/guarded-bytes.ts'
import type { Objection } from '../../../proxy/inspect/objection.ts'
import { Upload } from '../../../proxy/upload.ts'
import { seed, seedSentence } from '../../kernel/seed.ts'
import { Playing } from './play.ts'

const secret = 'very-secret-value-1'
const inspector = openInspector({
  secrets: [{ name: 'up', value: Buffer.from(secret) }],
  key: Buffer.alloc(32, 1),
})

type Fold = (bytes: Buffer) => Buffer

const folds: Readonly<Record<string, Fold>> = {
  gzip: gzipSync,
  'X-Gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  identity: (bytes) => bytes,
  zstd: (bytes) => bytes,
}

class Coded extends Playing {
  readonly rawHeaders: readonly string[]
  constructor(coding: string) {
    super()
    this.rawHeaders = ['Content-Encoding', coding]
  }
}

interface Sent {
  readonly bytes: Buffer
  readonly objections: readonly Objection[]
  readonly isWhole: boolean
  readonly found: number
}

/** Sends the pieces as a source does that heeds a pause, and tells what became of them. */
async function send(coding: string, pieces: readonly Buffer[]): Promise<Sent> {
  const request = new Coded(coding)
  const objections: Objection[] = []
  const sent: Buffer[] = []
  let isWhole = false
  const bytes = guardedBytes({ guards: true, inspector }, request, (objection) => {
    objections.push(objection)
    upload.destroy()
  })
  const upload = new Upload(bytes, { takeUp: (wanted) => wanted })
  const over = new Promise<void>((resolve) => upload.once('close', () => resolve()))
  upload.on('data', (chunk: Buffer) => sent.push(chunk))
  upload.on('end', () => {
    isWhole = true
  })
  const flows = async (): Promise<void> => {
    while (!request.flows && !upload.destroyed)
      await new Promise((resolve) => setImmediate(resolve))
  }
  for (const piece of pieces) {
    await flows()
    request.emit('data', piece)
  }
  await flows()
  request.emit('end')
  await over
  const found = (bytes.findings ?? []).reduce((sum, { count }) => sum + count, 0)
  return { bytes: Buffer.concat(sent), objections, isWhole, found }
}

const parted = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )

void test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

void test('a secret in a coded upload does not leave, in whatever pieces it comes', async (t) => {
  const filling = Array.from({ length: 3_000 }, (_, index) => `line ${index * 7919}\n`).join('')
  for (const [coding, fold] of Object.entries(folds)) {
    const body = fold(Buffer.from(`${filling}see ${secret}, and more ${filling}`))
    for (const size of [1_000, 65_536]) {
      const { bytes, found, isWhole, objections } = await send(coding, parted(body, size))
      t.match(objections, [{ code: 'payload-secret' }], `${coding} in pieces of ${size}`)
      t.strictSame([isWhole, found], [false, 1])
      t.ok(bytes.length < body.length)
      t.equal(objections.length, 1)
    }
  }
})

void test('one that is cut by the pieces is held back until it is known', async (t) => {
  const body = gzipSync(Buffer.from(`see ${secret}, and more`), { level: 0 })
  for (let size = 1; size <= body.length; size += 1) {
    const { bytes, objections } = await send('gzip', parted(body, size))
    t.match(objections, [{ code: 'payload-secret' }])
    t.notOk(bytes.includes(secret.slice(0, 4)), `in pieces of ${size}`)
  }
})

const bodies = fc.array(fc.constantFrom('very-', 'secret', '-value-', '\n', 'x'.repeat(500)), {
  maxLength: 30,
})

void test('a coded upload without a secret goes on byte for byte', async (t) => {
  const names = fc.constantFrom(...Object.keys(folds))
  const sizes = fc.integer({ min: 1, max: 300 })
  const property = fc.asyncProperty(bodies, names, sizes, async (texts, coding, size) => {
    const body = (folds[coding] ?? gzipSync)(Buffer.from(texts.join('')))
    const sent = await send(coding, parted(body, size))
    t.strictSame([sent.objections, sent.isWhole, sent.found], [[], true, 0])
    t.ok(sent.bytes.equals(body))
  })
  await fc.assert(property, { seed, numRuns: 60 })
})

void test('an empty upload, one of two members, and one with bytes behind its end go on', async (t) => {
  const twice = Buffer.concat([gzipSync('one'), gzipSync('two')])
  const behind = Buffer.concat([gzipSync('one'), Buffer.alloc(100_000)])
  for (const body of [Buffer.alloc(0), twice, behind]) {
    const sent = await send('gzip', parted(body, 1_000))
    t.strictSame([sent.objections, sent.isWhole, sent.bytes.equals(body)], [[], true, true])
  }
  const second = Buffer.concat([gzipSync('one'), gzipSync(`x ${secret}`)])
  t.match((await send('gzip', [second])).objections, [{ code: 'payload-secret' }])
  const plain = Buffer.concat([gzipSync('one'), Buffer.from(`\0\0\0 ${secret}`)])
  t.match((await send('gzip', [plain])).objections, [{ code: 'payload-secret' }])
})

void test('what its coding does not read is refused, and so is a bomb', async (t) => {
  const table: readonly (readonly [string, string, Buffer, string])[] = [
    ['no gzip', 'gzip', Buffer.from('plain text'), 'malformed-request'],
    [
      'more behind its end',
      'gzip',
      Buffer.concat([gzipSync('one'), Buffer.from('two')]),
      'malformed-request',
    ],
    ['cut', 'gzip', gzipSync(Buffer.alloc(100_000, 'ab')).subarray(0, -9), 'malformed-request'],
    ['another coding', 'br', gzipSync('x'.repeat(1_000)), 'malformed-request'],
    ['a bomb', 'gzip', gzipSync(Buffer.alloc(30 * 1024 * 1024)), 'request-too-large'],
    [
      'a bomb of brotli',
      'br',
      brotliCompressSync(Buffer.alloc(30 * 1024 * 1024)),
      'request-too-large',
    ],
  ]
  for (const [why, coding, body, code] of table) {
    const { isWhole, objections } = await send(coding, parted(body, 10_000))
    t.match(objections, [{ code }], why)
    t.strictSame([objections.length, isWhole], [1, false], why)
  }
})

void test('large and well packed, but no bomb, it goes on', async (t) => {
  const line = (index: number): string => `{"at":${index},"level":"info","message":"served"}\n`
  const body = gzipSync(Array.from({ length: 300_000 }, (_, index) => line(index)).join(''))
  const sent = await send('gzip', parted(body, 65_536))
  t.strictSame([sent.objections, sent.isWhole, sent.bytes.equals(body)], [[], true, true])
})
