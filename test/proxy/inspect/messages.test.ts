/** Messages of a WebSocket that are searched on their way: nothing of a secret passes, and all else passes as it was. */
import fc from 'fast-check'
import { test } from 'tap'
import type { PayloadTerms } from '../../../kernel/payload.ts'
import { openInspector } from '../../../payload/inspect.ts'
import { FrameReader, opcodes, type Part, writeFrame } from '../../../proxy/inspect/frames.ts'
import { type Messages, type Screen, screenOf } from '../../../proxy/inspect/messages.ts'
import type { Objection } from '../../../proxy/inspect/objection.ts'
import { seed, seedSentence } from '../../kernel/seed.ts'

const secret = 'very-secret-value-1'
const iban = 'DE89370400440532013000'
const mask = Buffer.from([7, 77, 177, 250])
const inspector = openInspector({
  secrets: [{ name: 'up', value: Buffer.from(secret) }],
  key: Buffer.alloc(32, 1),
})

function terms(action: PayloadTerms['action'], responses = false): readonly PayloadTerms[] {
  return [{ rule: 'r', action, detectors: ['iban'], responses }]
}

function open(asked: readonly PayloadTerms[] = []): Screen {
  const screen = screenOf({ guards: true, inspector }, asked)
  if (screen === null) throw new Error('nothing is looked for')
  return screen
}

type Fragment = Buffer | string

/** One message in fragments, as a client writes it. */
function written(fragments: readonly Fragment[], isUp = true): Buffer {
  return Buffer.concat(
    fragments.map((data, index) =>
      writeFrame({
        opcode: index === 0 ? opcodes.text : opcodes.more,
        isFinal: index === fragments.length - 1,
        data: Buffer.from(data),
        mask: isUp ? mask : null,
      }),
    ),
  )
}

interface Passed {
  readonly parts: readonly Part[]
  readonly text: string
  readonly objection: Objection | null
}

/** What is left of the wire on the other side, as a peer reads it. */
function pass(messages: Messages, wire: Buffer, step: number, isUp = true): Passed {
  return read({ messages, reader: new FrameReader({ isMasked: isUp }) }, wire, step)
}

interface Peers {
  readonly messages: Messages
  readonly reader: FrameReader
}

function read({ messages, reader }: Peers, wire: Buffer, step: number): Passed {
  const parts: Part[] = []
  let stopped: Objection | null = null
  for (let at = 0; at < wire.length && stopped === null; at += step) {
    const { bytes, objection } = messages.take(wire.subarray(at, at + step))
    stopped = objection
    const came = reader.read(bytes)
    if (typeof came === 'string') throw new Error(came)
    parts.push(...came)
  }
  const text = Buffer.concat(parts.map(({ data }) => data)).toString('latin1')
  return { parts, text, objection: stopped }
}

void test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

void test('a secret in any fragments and pieces ends the WebSocket, and does not pass', (t) => {
  const message = `before ${secret} after`
  for (let fragment = 1; fragment <= message.length; fragment += 1) {
    const fragments = message.match(new RegExp(`.{1,${fragment}}`, 'g')) ?? []
    for (const step of [1, 3, 16, 1_000]) {
      for (const isUp of [true, false]) {
        const screen = open()
        const wire = written(fragments, isUp)
        const { objection, text } = pass(isUp ? screen.up : screen.down, wire, step, isUp)
        t.match(objection, { code: 'payload-secret' })
        t.notMatch(text, secret.slice(0, 4))
        const place = isUp ? 'request-body' : 'response-body'
        t.match(screen.findings, [{ detector: 'own-secrets', place, count: 1 }])
      }
    }
  }
  t.end()
})

void test('a secret in a ping, a pong or the reason of a close ends it too', (t) => {
  for (const opcode of [opcodes.ping, opcodes.pong, opcodes.close]) {
    const data = Buffer.from(`\u0003\u00e8${secret}`, 'latin1')
    const wire = writeFrame({ opcode, isFinal: true, data, mask })
    const { objection, parts } = pass(open().up, wire, 5)
    t.match(objection, { code: 'payload-secret' })
    t.same(parts, [])
  }
  t.end()
})

const messages = fc.array(
  fc.array(fc.string({ unit: fc.constantFrom('a', 'very-', 'secret', '\n', 'é'), maxLength: 40 }), {
    minLength: 1,
    maxLength: 4,
  }),
  { maxLength: 5 },
)

void test('messages without a secret pass as they were, one by one', (t) => {
  const property = fc.property(messages, fc.integer({ min: 1, max: 50 }), (all, step) => {
    for (const isUp of [true, false]) {
      const screen = open(terms('block', true))
      const wire = Buffer.concat(all.map((fragments) => written(fragments, isUp)))
      const { objection, parts } = pass(isUp ? screen.up : screen.down, wire, step, isUp)
      const said: string[] = []
      let under: Buffer[] = []
      for (const { begins, data, ends } of parts) {
        if (begins) under = []
        under.push(data)
        if (ends) said.push(Buffer.concat(under).toString())
      }
      t.equal(objection, null)
      t.strictSame(
        said,
        all.map((fragments) => fragments.join('')),
      )
      t.same(screen.findings, [])
    }
  })
  fc.assert(property, { seed, numRuns: 200 })
  t.end()
})

void test('a message without an end goes on as it comes, but for what may begin a secret', (t) => {
  const peers = { messages: open().up, reader: new FrameReader({ isMasked: true }) }
  const heard = (data: string, opcode: number): string =>
    read(peers, writeFrame({ opcode, isFinal: false, data: Buffer.from(data), mask }), 99).text
  t.equal(heard('hello', opcodes.text), 'hello')
  t.equal(heard(` ${secret.slice(0, 9)}`, opcodes.more), ' ')
  t.equal(heard('! and on', opcodes.more), `${secret.slice(0, 9)}! and on`)
  t.end()
})

void test('what a rule looks for is blocked, taken out or noted, in the direction that it names', (t) => {
  const table = [
    ['block', true, 'payload-personal-data', ''],
    ['redact', true, '', 'to [redacted:iban] now'],
    ['warn', true, '', `to ${iban} now`],
    ['block', false, '', `to ${iban} now`],
  ] as const
  for (const [action, responses, code, text] of table) {
    for (const isUp of [true, false]) {
      const screen = open(terms(action, responses))
      const wire = written(['to ', iban, ' now'], isUp)
      const passed = pass(isUp ? screen.up : screen.down, wire, 1_000, isUp)
      const isLooked = isUp || responses
      if (!isUp || responses) {
        t.equal(passed.objection?.code ?? '', code, `${action} ${isUp}`)
        if (code === '') t.equal(passed.text, text, `${action} ${isUp}`)
      }
      t.equal(screen.findings.length, isLooked ? 1 : 0)
    }
  }
  t.end()
})

void test('what is redacted in a control frame must fit into one', (t) => {
  const ping = (text: string): Buffer =>
    writeFrame({ opcode: opcodes.ping, isFinal: true, data: Buffer.from(text), mask })
  const asked = [{ ...terms('redact')[0], detectors: ['email-addresses'] }] as PayloadTerms[]
  t.match(pass(open(asked).up, ping('a@b.example'), 99).text, '[redacted:email-addresses]')
  const full = pass(open(asked).up, ping(`${'x'.repeat(110)} a@b.example`), 99)
  t.match([full.objection, full.parts], [{ code: 'payload-secret' }, []])
  t.end()
})

void test('a peer that breaks the protocol is named by its code', (t) => {
  t.match(open().up.take(Buffer.from([0x81, 1, 0x41])), {
    objection: { code: 'malformed-request' },
  })
  t.match(open().down.take(Buffer.from([0xc1, 0])), { objection: { code: 'upstream-protocol' } })
  t.end()
})

void test('findings of a thousand messages are counted together', (t) => {
  const screen = open(terms('warn'))
  const addresses = [{ ...terms('warn')[0], detectors: ['email-addresses'] }] as PayloadTerms[]
  for (let index = 0; index < 1_000; index += 1) screen.up.take(written([iban]))
  t.match(screen.findings, [{ detector: 'iban', count: 1_000 }])
  const many = open(addresses)
  for (let index = 0; index < 1_000; index += 1) many.up.take(written([`a${index}@b.example`]))
  t.equal(many.findings.length, 33)
  t.equal(
    many.findings.reduce((sum, { count }) => sum + count, 0),
    1_000,
  )
  t.end()
})

void test('where nothing is looked for messages are not read', (t) => {
  t.equal(screenOf({ guards: false, inspector }, []), null)
  t.equal(screenOf({ guards: true, inspector: null }, []), null)
  t.not(screenOf({ guards: false, inspector }, terms('warn')), null)
  t.end()
})
