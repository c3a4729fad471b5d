/** Reads bodies whole over a request that the test plays, in time that the test moves. */
import { test } from 'tap'
import type { ProxyContext } from '../../../proxy/context.ts'
import { readWhole, type Whole } from '../../../proxy/inspect/whole-body.ts'
import { defaultLimits } from '../../../proxy/limits.ts'
import { settled, VirtualClock } from '../../gate/clock.ts'
import { Playing } from './play.ts'

interface Played {
  readonly request: Playing
  readonly clock: VirtualClock
  readonly leave: () => void
  readonly whole: Promise<Whole>
}

function play(length: number | null, bytesMax = 10): Played {
  const request = new Playing()
  const clock = new VirtualClock()
  const limits = { ...defaultLimits, bodyTimeoutMs: 1000 }
  const context = {
    limits,
    after: (delayMs: number, callback: () => void) => clock.after(delayMs, callback),
  } as unknown as ProxyContext
  let gone: () => void = () => undefined
  const left = (callback: () => void): void => {
    gone = callback
  }
  const whole = readWhole(request, { context, length, bytesMax, left, reserve: () => true })
  return { request, clock, leave: () => gone(), whole }
}

void test('a body is whole at its end, of known length or not, and of no bytes too', async (t) => {
  for (const [length, pieces] of [
    [10, ['01234', '56789']],
    [null, ['0123456789']],
    [null, ['0', '', '1']],
    [null, []],
  ] as const) {
    const { request, clock, whole } = play(length)
    t.ok(request.flows, 'it is asked for')
    for (const piece of pieces) request.emit('data', Buffer.from(piece))
    request.emit('end')
    t.strictSame(await whole, { ok: true, body: Buffer.from(pieces.join('')) })
    t.equal(clock.timers, 0)
    t.equal(request.heeded, 0)
  }
})

void test('a body whose every byte comes by itself is put together as it came', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251))
  const { request, whole } = play(null, 1000)
  for (const byte of bytes) request.emit('data', Buffer.from([byte]))
  request.emit('end')
  t.strictSame(await whole, { ok: true, body: bytes })
})

void test('a body that says it is too long is not asked for, and one that turns out to be is stopped', async (t) => {
  const told = play(11)
  t.match(await told.whole, { ok: false, code: 'request-too-large' })
  t.strictSame([told.request.flows, told.clock.timers], [false, 0])
  const untold = play(null)
  untold.request.emit('data', Buffer.alloc(10))
  untold.request.emit('data', Buffer.alloc(1))
  t.match(await untold.whole, { ok: false, code: 'request-too-large' })
  t.notOk(untold.request.flows)
  t.equal(untold.request.heeded, 0)
  t.equal(untold.clock.timers, 0)
})

void test('a body has its time and no more, however steadily it drips', async (t) => {
  const { request, clock, whole } = play(null)
  let over = false
  void whole.then(() => {
    over = true
  })
  for (let turn = 0; turn < 9; turn += 1) {
    request.emit('data', Buffer.alloc(1))
    await clock.pass(111)
  }
  t.equal(over, false, '999 ms have passed')
  await clock.pass(1)
  t.match(await whole, { ok: false, code: 'malformed-request', message: /1000 ms/ })
})

void test('a client that leaves ends the reading, and one that leaves later stops nothing', async (t) => {
  const left = play(10)
  left.request.emit('data', Buffer.alloc(3))
  left.leave()
  t.match(await left.whole, { ok: false, code: 'malformed-request', message: /left/ })
  t.equal(left.clock.timers, 0)
  const stayed = play(2)
  stayed.request.emit('data', Buffer.alloc(2))
  stayed.request.emit('end')
  await stayed.whole
  const { paused } = stayed.request
  stayed.request.resume()
  stayed.leave()
  await settled()
  t.strictSame([stayed.request.paused, stayed.request.flows], [paused, true])
})
