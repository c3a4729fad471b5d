/** Each event is one of OCSF 1.8.0: known attributes of the right types, all that is required, ids that exist. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { exportEntries } from '../../evidence/export/export.ts'
import { ocsfEvent } from '../../evidence/export/ocsf.ts'
import { everything } from '../../evidence/export/select.ts'
import type { Entry } from '../../ledger/entry.ts'
import { entryKinds } from '../../ledger/entry.ts'
import { seedSentence } from '../kernel/seed.ts'
import { entriesOf } from '../ledger/open-ledger.ts'
import { decided, filledLedger } from './export-ledgers.ts'

interface Shape {
  readonly at_least_one: readonly (readonly string[])[]
  /** `type`, `[]` for a list, `!` where it is required, and the values of an enumeration. */
  readonly attributes: Readonly<Record<string, string>>
}

interface Schema {
  readonly version: string
  readonly classes: Readonly<Record<string, Shape>>
  readonly objects: Readonly<Record<string, Shape>>
}

/** Names, types and ids of the classes that are used, with the profiles host and security_control: facts of the release. */
const schema = JSON.parse(
  readFileSync(join(process.cwd(), 'test/evidence/export-ocsf-1.8.json'), 'utf8'),
) as Schema

const integers: ReadonlySet<string> = new Set(['integer_t', 'long_t', 'timestamp_t', 'port_t'])

type Members = Readonly<Record<string, unknown>>

/** What is wrong with a value, as sentences. */
function wrongs(shape: Shape, value: Members, place: string): readonly string[] {
  const found: string[] = []
  for (const [name, rule] of Object.entries(shape.attributes)) {
    const isProfile = name === 'cloud' || name === 'osint'
    if (rule.split(' ')[0]?.endsWith('!') && value[name] === undefined && !isProfile) {
      found.push(`${place}.${name} is missing`)
    }
  }
  for (const names of shape.at_least_one) {
    if (names.every((name) => value[name] === undefined))
      found.push(`${place} has none of ${names}`)
  }
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue
    const rule = shape.attributes[name]
    if (rule === undefined) found.push(`${place}.${name} is not known`)
    else found.push(...wrongMember(rule, member, `${place}.${name}`))
  }
  return found
}

function wrongMember(rule: string, member: unknown, place: string): readonly string[] {
  const [head = '', ...values] = rule.split(' ')
  const type = head.replace(/!$/, '').replace(/\[\]$/, '')
  if (head.includes('[]')) {
    if (!Array.isArray(member)) return [`${place} is no list`]
    return member.flatMap((one) => wrongMember([type, ...values].join(' '), one, place))
  }
  const isClass = place.endsWith('.class_uid') || place.endsWith('.category_uid')
  if (values.length > 0 && !isClass && !values.includes(String(member))) {
    return [`${place} is ${String(member)}, none of ${values}`]
  }
  if (integers.has(type)) {
    const isPort = type !== 'port_t' || (Number(member) >= 0 && Number(member) <= 65_535)
    return Number.isSafeInteger(member) && isPort ? [] : [`${place} is no ${type}`]
  }
  if (type === 'boolean_t') return typeof member === 'boolean' ? [] : [`${place} is no ${type}`]
  if (type === 'ip_t') return isIP(String(member)) > 0 ? [] : [`${place} is no address`]
  if (type.endsWith('_t')) return typeof member === 'string' ? [] : [`${place} is no ${type}`]
  if (type === 'object') return typeof member === 'object' ? [] : [`${place} is no object`]
  const shape = schema.objects[type]
  if (shape === undefined) return [`${place} is of ${type}, which the test does not know`]
  return wrongs(shape, member as Members, place)
}

/** Classes by the id of their category, and what only the envelope says. */
function wrongEvent(event: Members): readonly string[] {
  const [classUid, activity] = [Number(event['class_uid']), Number(event['activity_id'])]
  const shape = schema.classes[String(classUid)]
  if (shape === undefined) return [`class ${classUid} is not known`]
  const found = [...wrongs(shape, event, String(classUid))]
  if (event['category_uid'] !== Math.floor(classUid / 1000)) found.push('another category')
  if (event['type_uid'] !== classUid * 100 + activity) found.push('another type_uid')
  if (activity === 99 && typeof event['activity_name'] !== 'string') found.push('no activity_name')
  if (event['action_id'] === 99 && typeof event['action'] !== 'string') found.push('no action')
  return found
}

const read = (value: object): Members => JSON.parse(JSON.stringify(value)) as Members

test('the checks of this test find what is wrong', async (t) => {
  const entry = { ...sample('decision'), data: decided(1).data as Entry['data'] }
  const log = { logId: 'ab', origin: 'gate.example.com/log', version: '0.0.0' }
  const good = read(ocsfEvent({ entry, text: 'x', segment: '' }, log))
  t.same(wrongEvent(good), [])
  const bad: readonly Members[] = [
    { ...good, time: 'now' },
    { ...good, surprise: 1 },
    { ...good, severity_id: 77 },
    { ...good, metadata: {} },
    { ...good, class_uid: 4001 },
    { ...good, dst_endpoint: { port: 70_000 } },
    { ...good, type_uid: 1 },
    { ...good, http_request: undefined, http_response: undefined },
  ]
  for (const event of bad) t.not(wrongEvent(event).length, 0, JSON.stringify(event).slice(0, 80))
})

function sample(kind: string): Entry {
  const [hash, prev] = ['0'.repeat(64), '1'.repeat(64)]
  const boot = '01JD6Z8K4M0000000000000000'
  const ts = '2026-11-21T12:00:00.000Z'
  return { v: 1, ts, prev, hash, boot, kind, seq: 7, actor: { agent: 'a', run: 'r' }, data: {} }
}

test('every kind of entry of a real ledger is an event of the schema', async (t) => {
  const { world } = await filledLedger(t)
  const chunks: string[] = []
  const sink = {
    write: async (bytes: string | Uint8Array) => {
      chunks.push(String(bytes))
    },
  }
  const { directory } = world.place
  await exportEntries({ directory, format: 'ocsf', selection: everything, version: '0.0.0' }, sink)
  const lines = chunks.join('').split('\n').slice(0, -1)
  const all = entriesOf(world.place)
  t.equal(lines.length, all.length)
  for (const [index, line] of lines.entries()) {
    const event = JSON.parse(line) as Members
    t.same(wrongEvent(event), [], all[index]?.kind ?? '')
    const raw = JSON.parse(String(event['raw_data'])) as Entry
    t.equal(raw.hash, all[index]?.hash, 'raw_data is the stored line')
  }
})

const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.string()),
  fc.constant({}),
)

test(`an entry with any members is still an event of the schema (${seedSentence})`, async (t) => {
  const names = [
    'host',
    'port',
    'method',
    'path',
    'scheme',
    'verdict',
    'mode',
    'reasons',
    'rules',
    'policy',
    'request',
    'action',
    'domain',
    'resource',
    'status',
    'outcome',
    'actual',
    'duration_ms',
    'code',
    'count',
    'message',
    'scope',
    'budget',
    'by',
    'reason',
    'digest',
    'created_by',
    'approval',
  ]
  const log = { logId: 'ab', origin: 'gate.example.com/log', version: '0.0.0' }
  const kind = fc.constantFrom<string>(...entryKinds, 'of.tomorrow')
  fc.assert(
    fc.property(
      kind,
      fc.dictionary(fc.constantFrom(...names), anything, { noNullPrototype: true }),
      (one, data) => {
        const event = read(
          ocsfEvent({ entry: { ...sample(one), data }, text: 'x', segment: '' }, log),
        )
        const found = wrongEvent(event)
        if (found.length > 0) throw new Error(found.join('; '))
      },
    ),
    { numRuns: 2_000 },
  )
  t.pass('all of them')
})

test('what no attribute stands for is under unmapped, and nothing is twice', async (t) => {
  const log = { logId: 'ab', origin: 'gate.example.com/log', version: '0.0.0' }
  const data = { ...(decided(5).data as Entry['data']), hold: { requests: 1 }, context: { x: 1 } }
  const event = read(
    ocsfEvent({ entry: { ...sample('decision'), data }, text: 'x', segment: '' }, log),
  )
  const rest = (event['unmapped'] as { data: Members }).data
  t.same(rest['hold'], { requests: 1 })
  t.same(rest['context'], { x: 1 })
  t.notOk('host' in rest)
  t.notOk('verdict' in rest)
  t.match(event, { action_id: 2, disposition_id: 2, severity_id: 3, status_code: 'rule-denied' })
})

test('what is not enforced is observed, and what waits is neither allowed nor denied', async (t) => {
  const log = { logId: 'ab', origin: 'gate.example.com/log', version: '0.0.0' }
  const eventOf = (more: object, kind = 'decision'): Members => {
    const data = { ...(decided(1).data as Entry['data']), ...more }
    return read(ocsfEvent({ entry: { ...sample(kind), data }, text: 'x', segment: '' }, log))
  }
  t.match(eventOf({ verdict: 'deny', mode: 'observe' }), { action_id: 3, disposition_id: 17 })
  t.match(eventOf({ verdict: 'deny' }, 'preview'), { action_id: 3, disposition_id: 17 })
  t.match(eventOf({ verdict: 'queue' }), { action_id: 99, action: 'Queued' })
  t.match(eventOf({ verdict: 'approve' }), { action_id: 2, disposition_id: 23 })
  t.match(eventOf({ method: 'PROPFIND' }), { activity_id: 99, activity_name: 'PROPFIND' })
})
