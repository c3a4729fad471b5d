/** What a tap reads of a response, however its bytes are cut, coded and ended. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { test } from 'tap'
import type { ModelWire } from '../../../kernel/content.ts'
import { endless, type Room } from '../../../proxy/inspect/room.ts'
import { UsageTap } from '../../../proxy/inspect/usage-tap.ts'

const sse = 'text/event-stream; charset=utf-8'
const json = 'application/json'
const none = ''

const data = (event: unknown, name = ''): string =>
  `${name === '' ? '' : `event: ${name}\n`}data: ${JSON.stringify(event)}\n\n`

interface Wired {
  readonly stream: string
  readonly whole: object
}

const said = { choices: [{ delta: { content: 'größe' } }] }
const chatUsage = { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 }
const newUsage = { input_tokens: 11, output_tokens: 5 }
const geminiUsage = { promptTokenCount: 11, candidatesTokenCount: 5, totalTokenCount: 16 }
const parts = { candidates: [{ content: { parts: [{ text: 'größe' }] }, finishReason: 'STOP' }] }

const wires: Readonly<Record<ModelWire, Wired>> = {
  'openai-chat': {
    stream: `${data(said)}: ping\n\n${data({ choices: [], usage: chatUsage })}data: [DONE]\n\n`,
    whole: { choices: [], usage: chatUsage },
  },
  'openai-responses': {
    stream:
      data({ type: 'response.output_text.delta', delta: 'größe' }, 'response.output_text.delta') +
      data({ type: 'response.completed', response: { usage: newUsage } }, 'response.completed'),
    whole: { object: 'response', usage: newUsage },
  },
  anthropic: {
    stream:
      data({ type: 'message_start', message: { usage: newUsage } }, 'message_start') +
      data({ type: 'content_block_delta', delta: { text: 'größe' } }, 'content_block_delta') +
      data({ type: 'message_delta', usage: { output_tokens: 5 } }, 'message_delta') +
      data({ type: 'message_stop' }, 'message_stop'),
    whole: { type: 'message', usage: newUsage },
  },
  gemini: {
    stream: data({ ...parts, usageMetadata: geminiUsage }),
    whole: { ...parts, usageMetadata: geminiUsage },
  },
}

const names = Object.keys(wires) as ModelWire[]
const folds = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }

interface Tapped {
  readonly coding?: string
  readonly type?: string
  readonly step?: number
  readonly whole?: boolean
}

async function read(
  wire: ModelWire,
  bytes: Buffer,
  { coding = none, type = sse, step = bytes.length, whole = true }: Tapped = {},
): Promise<readonly [number, number] | null> {
  const tap = new UsageTap(wire, { contentType: type, contentEncoding: coding })
  for (let at = 0; at < bytes.length; at += step) tap.push(bytes.subarray(at, at + step))
  const usage = await tap.end(whole)
  return usage === null ? null : [usage.input, usage.output]
}

void test('usage is read in every format, line end, coding and cut', async (t) => {
  for (const wire of names) {
    const { stream, whole } = wires[wire]
    const body = Buffer.from(JSON.stringify(whole))
    t.strictSame(await read(wire, body, { type: json }), [11, 5], wire)
    t.equal(await read(wire, body, { type: json, whole: false }), null, 'cut off')
    t.equal(await read(wire, body.subarray(1), { type: json }), null, 'broken')
    for (const end of ['\n', '\r\n', '\r']) {
      const bytes = Buffer.from(stream.replaceAll('\n', end))
      for (const step of [1, 2, 3, 7, bytes.length]) {
        t.strictSame(await read(wire, bytes, { step }), [11, 5], `${wire} ${JSON.stringify(end)}`)
      }
    }
    for (const [coding, fold] of Object.entries(folds)) {
      const bytes = fold(stream)
      for (const step of [1, bytes.length]) {
        t.strictSame(await read(wire, bytes, { coding, step }), [11, 5], `${wire} ${coding}`)
      }
      t.strictSame(await read(wire, fold(body), { coding, type: json }), [11, 5], coding)
    }
  }
})

void test('a stream that is cut anywhere says all of its usage or nothing', async (t) => {
  for (const wire of names) {
    const bytes = Buffer.from(wires[wire].stream)
    let known = 0
    for (let length = 0; length < bytes.length; length += 1) {
      const usage = await read(wire, bytes.subarray(0, length), { whole: false })
      if (usage !== null) {
        known += 1
        t.strictSame(usage, [11, 5])
      }
    }
    // Behind OpenAI's last chunk and its [DONE] no more has to come.
    t.ok(known < 20, `${wire}: ${known} prefixes say it`)
  }
})

void test('a coded body that is cut, broken or followed by more never hangs, and says nothing false', async (t) => {
  const stream = wires['openai-chat'].stream
  for (const [coding, fold] of Object.entries(folds)) {
    const bytes = fold(stream)
    for (const whole of [true, false]) {
      t.equal(await read('openai-chat', bytes.subarray(0, 15), { coding, whole }), null, coding)
    }
    t.equal(await read('openai-chat', Buffer.from(stream), { coding }), null, 'not coded at all')
    const behind = Buffer.concat([bytes, Buffer.from('data: x\n\n')])
    const usage = await read('openai-chat', behind, { coding, step: 5 })
    t.ok(usage === null || usage[1] === 5, coding)
  }
  t.equal(await read('openai-chat', Buffer.from(stream), { coding: 'zstd' }), null)
  t.equal(await read('openai-chat', gzipSync(stream), { coding: 'gzip, gzip' }), null)
  t.equal(await read('openai-chat', Buffer.alloc(0), { coding: 'gzip' }), null)
})

void test('output is counted while it passes, and only an open stream is spoken to', (t) => {
  const tap = new UsageTap('openai-chat', { contentType: sse, contentEncoding: none })
  for (let count = 1; count <= 3; count += 1) {
    tap.push(Buffer.from(data(said)))
    t.equal(tap.outputSoFar, count)
  }
  t.ok(tap.speaksEvents)
  for (const [contentType, contentEncoding] of [
    [json, none],
    [sse, 'gzip'],
    ['text/event-streams', none],
  ] as const) {
    const other = new UsageTap('openai-chat', { contentType, contentEncoding })
    t.notOk(other.speaksEvents, contentType)
    other.drop()
  }
  t.end()
})

/** Milliseconds for all of it, the least of three. */
function timed(work: () => void): number {
  const took: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const from = performance.now()
    work()
    took.push(performance.now() - from)
  }
  return Math.min(...took)
}

void test('an event of megabytes costs no more for coming in small pieces, and a longer one is left unread', async (t) => {
  const long = (bytes: number): Buffer =>
    Buffer.from(data({ choices: [{ delta: { content: 'x'.repeat(bytes) } }] }))
  const pushed = (bytes: Buffer, step: number): number =>
    timed(() => {
      const tap = new UsageTap('openai-chat', { contentType: sse, contentEncoding: none })
      for (let at = 0; at < bytes.length; at += step) tap.push(bytes.subarray(at, at + step))
    })
  const [small, large] = [pushed(long(1_000_000), 100), pushed(long(4_000_000), 100)]
  t.ok(large < small * 12 + 50, `four times as much took ${small} and ${large} ms`)
  const rest = Buffer.from(wires['openai-chat'].stream)
  t.strictSame(await read('openai-chat', Buffer.concat([long(4_000_000), rest])), [11, 5])
  t.equal(await read('openai-chat', Buffer.concat([long(9_000_000), rest]), { step: 65_536 }), null)
  const many = Buffer.concat(Array.from({ length: 60 }, () => long(200_000)))
  t.strictSame(await read('openai-chat', Buffer.concat([many, rest]), { step: 65_536 }), [11, 5])
})

void test('a bomb is left unread, and its end is told all the same', async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 'x'))
  t.equal(await read('openai-chat', bomb, { coding: 'gzip', type: json }), null)
  t.equal(await read('openai-chat', bomb, { coding: 'gzip', step: 1000 }), null)
})

void test('a tap that is dropped or ends twice over reads nothing more', async (t) => {
  const tap = new UsageTap('openai-chat', { contentType: json, contentEncoding: 'gzip' })
  tap.push(gzipSync(JSON.stringify(wires['openai-chat'].whole)))
  tap.drop()
  tap.push(Buffer.from('x'))
  t.equal(await tap.end(true), null)
  t.equal(await tap.end(true), null)
})

void test('a coded stream is unfolded as far as its hold could stand for, and no further', async (t) => {
  const long = data({ choices: [{ delta: { content: 'größe '.repeat(5_000) } }] })
  const end = data({ choices: [], usage: chatUsage })
  const filling = long.repeat(Math.ceil((20 * 1024 * 1024) / long.length))
  const folded = gzipSync(filling + end)
  const read = async (outputMax: number, coding: string, bytes: Buffer): Promise<unknown> => {
    const head = { contentType: sse, contentEncoding: coding }
    const tap = new UsageTap('openai-chat', head, { outputMax, room: endless })
    for (let at = 0; at < bytes.length; at += 4096) {
      tap.push(bytes.subarray(at, at + 4096))
      await new Promise((resolve) => setImmediate(resolve))
    }
    return (await tap.end(true)) === null ? null : 'read'
  }
  t.equal(await read(100, 'gzip', folded), null, '20 MiB for a hundred tokens')
  t.equal(await read(100_000, 'gzip', folded), 'read')
  t.equal(await read(Number.POSITIVE_INFINITY, 'gzip', folded), 'read')
  t.equal(
    await read(100, '', Buffer.from(filling + end)),
    'read',
    'what is not coded came as it is',
  )
})

void test('an answer that is kept takes room, and gives it back however it ends', async (t) => {
  let left = 1_000
  const room: Room = {
    take: (bytes) => {
      if (bytes > left) return false
      left -= bytes
      return true
    },
    give: (bytes) => {
      left += bytes
    },
  }
  const body = Buffer.from(JSON.stringify({ choices: [], usage: chatUsage }))
  const open = (): UsageTap =>
    new UsageTap('openai-chat', { contentType: json, contentEncoding: '' }, { outputMax: 9, room })
  const whole = open()
  whole.push(body)
  t.equal(left, 1_000 - body.length)
  t.not(await whole.end(true), null)
  t.equal(left, 1_000)
  const cut = open()
  cut.push(body)
  t.equal(await cut.end(false), null)
  t.equal(left, 1_000)
  const dropped = open()
  dropped.push(body)
  dropped.drop()
  t.equal(left, 1_000)
  const large = open()
  large.push(body)
  large.push(Buffer.alloc(1_000, ' '))
  t.equal(left, 1_000, 'what has no room is not kept')
  t.equal(await large.end(true), null)
  t.equal(left, 1_000)
})
