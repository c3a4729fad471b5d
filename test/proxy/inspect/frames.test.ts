/** Frames of a WebSocket: what a peer wrote is read whole in any pieces, and what breaks RFC 6455 is a fault. */
import fc from 'fast-check'
import { test } from 'tap'
import {
  closeFrame,
  type Frame,
  FrameReader,
  opcodes,
  type Part,
  writeFrame,
} from '../../../proxy/inspect/frames.ts'
import { seed, seedSentence } from '../../kernel/seed.ts'

void test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

interface Message {
  readonly opcode: number
  readonly data: Buffer
}

/** Messages out of parts; those of control frames between them. */
function joined(parts: readonly Part[]): readonly Message[] {
  const messages: Message[] = []
  let under: Buffer[] = []
  for (const { begins, data, ends, opcode } of parts) {
    if (opcode >= opcodes.close) {
      messages.push({ opcode, data })
      continue
    }
    if (begins) under = []
    under.push(data)
    if (ends) messages.push({ opcode, data: Buffer.concat(under) })
  }
  return messages
}

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))

const asked = fc.record({
  isMasked: fc.boolean(),
  messages: fc.array(
    fc.record({
      opcode: fc.constantFrom(opcodes.text, opcodes.binary),
      fragments: fc.array(bytes, { minLength: 1, maxLength: 4 }),
      ping: fc.option(fc.uint8Array({ maxLength: 125 })),
      mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    }),
    { maxLength: 5 },
  ),
  pieces: fc.integer({ min: 1, max: 40 }),
})

void test('messages are read as they were written, in any fragments and pieces', (t) => {
  const property = fc.property(asked, ({ isMasked, messages, pieces }) => {
    const frames: Frame[] = []
    const expected: Message[] = []
    for (const { fragments, mask, opcode, ping } of messages) {
      const masking = isMasked ? Buffer.from(mask) : null
      for (const [index, data] of fragments.entries()) {
        const isFinal = index === fragments.length - 1
        const code = index === 0 ? opcode : opcodes.more
        if (ping !== null && index === 1) {
          const beat = Buffer.from(ping)
          frames.push({ opcode: opcodes.ping, isFinal: true, data: beat, mask: masking })
          expected.push({ opcode: opcodes.ping, data: beat })
        }
        frames.push({ opcode: code, isFinal, data, mask: masking })
      }
      expected.push({ opcode, data: Buffer.concat(fragments) })
    }
    const wire = Buffer.concat(frames.map(writeFrame))
    const reader = new FrameReader({ isMasked })
    const parts: Part[] = []
    for (let at = 0; at < wire.length; at += pieces) {
      const read = reader.read(wire.subarray(at, at + pieces))
      if (typeof read === 'string') throw new Error(read)
      parts.push(...read)
    }
    t.strictSame(joined(parts), expected)
  })
  fc.assert(property, { seed, numRuns: 200 })
  t.end()
})

void test('a length is written in as few bytes as it needs, and read back', (t) => {
  for (const size of [0, 125, 126, 65_535, 65_536, 70_000]) {
    const data = Buffer.alloc(size, 'x')
    const wire = writeFrame({ opcode: opcodes.binary, isFinal: true, data, mask: null })
    t.equal(wire.length - size, size < 126 ? 2 : size < 65_536 ? 4 : 10)
    const read = new FrameReader({ isMasked: false }).read(wire)
    t.match(read, [{ ends: true, begins: true }])
    t.ok(typeof read !== 'string' && read[0]?.data.equals(data))
  }
  t.end()
})

const mask = [1, 2, 3, 4]

const broken: readonly (readonly [why: string, isMasked: boolean, bytes: readonly number[]])[] = [
  ['a reserved bit', false, [0xc1, 0]],
  ['another reserved bit', false, [0x91, 0]],
  ['an opcode of data that is not known', false, [0x83, 0]],
  ['an opcode of control that is not known', false, [0x8b, 0]],
  ['a client that does not mask', true, [0x81, 1, 0x41]],
  ['a server that masks', false, [0x81, 0x81, ...mask, 0x41]],
  ['a control frame that is cut', true, [0x09, 0x80, ...mask]],
  ['a control frame that is too long', false, [0x89, 126, 0, 126]],
  ['a continuation of nothing', false, [0x80, 0]],
  ['a message inside of another', false, [0x01, 0, 0x81, 0]],
  ['a length of two bytes that one would hold', false, [0x81, 126, 0, 125]],
  ['a length of eight bytes that two would hold', false, [0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]],
  ['a length that is negative', false, [0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]],
]

void test('what breaks the protocol is a fault, wherever the pieces end', (t) => {
  for (const [why, isMasked, all] of broken) {
    for (let step = 1; step <= all.length; step += 1) {
      const reader = new FrameReader({ isMasked })
      let fault = ''
      for (let at = 0; at < all.length && fault === ''; at += step) {
        const read = reader.read(Buffer.from(all.slice(at, at + step)))
        if (typeof read === 'string') fault = read
      }
      t.match(fault, /frame/, `${why}, in pieces of ${step}`)
    }
  }
  t.end()
})

void test('no bytes at all throw', (t) => {
  const property = fc.property(fc.boolean(), fc.array(fc.uint8Array()), (isMasked, pieces) => {
    const reader = new FrameReader({ isMasked })
    for (const piece of pieces) if (typeof reader.read(Buffer.from(piece)) === 'string') return
  })
  fc.assert(property, { seed, numRuns: 500 })
  t.end()
})

void test('the frame that ends a WebSocket says why', (t) => {
  const read = new FrameReader({ isMasked: false }).read(closeFrame(1008, 'no'))
  t.match(read, [{ opcode: opcodes.close, data: Buffer.from([0x03, 0xf0, 0x6e, 0x6f]) }])
  t.ok(closeFrame(1008, 'x'.repeat(500)).length <= 127)
  t.end()
})
