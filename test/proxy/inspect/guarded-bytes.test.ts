/** An upload that is searched on its way: nothing of a secret leaves, and nothing else is held up or changed. */
import { test } from 'tap'
import { openInspector } from '../../../payload/inspect.ts'
import { guarded } from '../../../proxy/inspect/guard.ts'
import { guardedBytes } from '../../../proxy/inspect/guarded-bytes.ts'
import type { Objection } from '../../../proxy/inspect/objection.ts'
import { Upload } from '../../../proxy/upload.ts'
import { settled } from '../../gate/clock.ts'
import { Playing, sceneOf } from './play.ts'

const secret = 'very-secret-value-1'
const inspector = openInspector({
  secrets: [{ name: 'up', value: Buffer.from(secret) }],
  key: Buffer.alloc(32, 1),
})
const sight = { guards: true, inspector }

interface Sent {
  readonly text: () => string
  readonly objections: Objection[]
  readonly request: Playing
  readonly upload: Upload
  /** Bytes that may pass before it waits. */
  allow(bytes: number): void
  readonly ended: () => boolean
}

function sending(allowed = Number.POSITIVE_INFINITY): Sent {
  const request = new Playing()
  const objections: Objection[] = []
  let room = allowed
  let text = ''
  let isEnded = false
  const source = {
    takeUp: (wanted: number): number => {
      const taken = Math.min(wanted, room)
      room -= taken
      return taken
    },
  }
  const bytes = guardedBytes(sight, request, (objection) => {
    objections.push(objection)
    upload.destroy()
  })
  const upload = new Upload(bytes, source)
  upload.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  upload.on('end', () => {
    isEnded = true
  })
  const allow = (more: number): void => {
    room += more
    upload.resumeUpload()
  }
  return { text: () => text, objections, request, upload, allow, ended: () => isEnded }
}

void test('a secret that comes in any pieces does not leave, and ends the upload', async (t) => {
  for (let step = 1; step <= secret.length; step += 1) {
    const { text, objections, request } = sending()
    const bytes = `before ${secret} after`
    for (let at = 0; at < bytes.length; at += step) {
      request.emit('data', Buffer.from(bytes.slice(at, at + step)))
      await settled()
    }
    request.emit('end')
    await settled()
    t.match(objections, [{ code: 'payload-secret' }], `in pieces of ${step}`)
    t.equal(objections.length, 1)
    t.notMatch(text(), secret.slice(0, 4), 'no more of it than many words begin with')
    t.equal(request.heeded, 0, 'what still comes is not for it')
  }
})

void test('what only begins like a secret goes on whole, and its end is told after its last byte', async (t) => {
  const { text, ended, objections, request } = sending()
  const bytes = `x${secret.slice(0, 10)}`
  request.emit('data', Buffer.from(bytes))
  await settled()
  t.equal(text(), 'x', 'held while it may become one')
  request.emit('end')
  await settled()
  t.strictSame([text(), ended(), objections], [bytes, true, []])
})

void test('an upload waits for room, with its last bytes too', async (t) => {
  const { text, allow, ended, request } = sending(3)
  request.emit('data', Buffer.from('01234'))
  await settled()
  t.strictSame([text(), request.flows], ['012', false])
  allow(10)
  await settled()
  t.strictSame([text(), request.flows], ['01234', true])
  const late = sending(0)
  late.request.emit('data', Buffer.from(secret.slice(0, 5)))
  late.request.emit('end')
  await settled()
  t.strictSame([late.text(), late.ended()], ['', false])
  late.allow(100)
  await settled()
  t.strictSame([late.text(), late.ended()], [secret.slice(0, 5), true])
  t.equal(ended(), false)
})

void test("where the gate keeps no secrets the bytes are the client's own", (t) => {
  const request = new Playing()
  const object = (): void => undefined
  t.equal(guardedBytes({ guards: false, inspector }, request, object), request)
  t.equal(guardedBytes({ guards: true, inspector: null }, request, object), request)
  t.end()
})

void test('a secret in a URL or a header refuses, whatever the policy says', (t) => {
  const measured = { charge: {}, ask: {}, findings: [] }
  const read = (asked: Parameters<typeof sceneOf>[0]): unknown => {
    const { desk, intake } = sceneOf({ sight, ...asked })
    return guarded(desk.context.sight, intake, measured)
  }
  for (const asked of [{ query: `k=${secret}` }, { headers: ['X', `a ${secret}`] }]) {
    const amounts = read(asked)
    t.match(amounts, { refusals: [{ code: 'payload-secret' }], findings: [{ count: 1 }] })
  }
  t.equal(read({ query: 'k=other', headers: ['X', 'y'] }), measured)
  t.equal(read({ query: `k=${secret}`, sight: { guards: false, inspector } }), measured)
  t.end()
})
