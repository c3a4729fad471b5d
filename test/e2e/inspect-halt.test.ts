/** A halt inside TLS: whatever flows is cut on both sides, recorded once as halted, and nothing more passes. */
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { askInside, openInside } from './inspect-inside.ts'
import { type GateRun, inspectTest, type SecureOrigin, type Serve } from './inspect-world.ts'

const piece = Buffer.alloc(16 * 1024, 'x')

/** Streams events, or bytes, without an end; reads an upload without an end. */
const serve: Serve = (request, response) => {
  request.on('error', () => undefined).resume()
  if (request.url === '/upload') return
  const streams = request.url === '/events'
  response.writeHead(200, { 'content-type': streams ? 'text/event-stream' : 'text/plain' })
  if (streams) {
    const timer = setInterval(() => response.write('data: {"tick":1}\n\n'), 5)
    response.once('close', () => clearInterval(timer))
    return
  }
  const pour = (): void => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', pour)
  pour()
}

async function halt(run: GateRun): Promise<number> {
  const begun = performance.now()
  const { status } = await run.control('POST', '/api/v1/halts', {
    scope: 'agent:local',
    reason: 'test',
  })
  if (status !== 201 && status !== 200) throw new Error(`the halt was answered ${status}`)
  return performance.now() - begun
}

/** Everything is over: nobody is connected, one settlement says halted, and the next request is refused. */
async function expectStillness(t: Test, run: GateRun, origin: SecureOrigin): Promise<void> {
  await run.eventually(() => origin.sockets.size === 0)
  await run.eventually(() => run.entries('settlement').length === 1)
  t.equal(run.saying('halted').length, 1, 'one entry says halted')
  t.match(run.entries('settlement')[0]?.data, { cut: 'halted', source: 'halt' })
  const { asked } = origin
  const before = asked.length
  const { output } = await run.curl('-i', '-p', `${origin.url}/after`)
  const refused = output.toString()
  t.match(refused, /403/)
  t.match(refused, /haltgate-reason: halted/i)
  t.equal(asked.length, before, 'the origin hears nothing more')
}

const head = (line: string, port: number, more = ''): string =>
  `${line} HTTP/1.1\r\nHost: localhost:${port}\r\n${more}\r\n`

/** Its end, in order or by a reset. */
function closing(secure: TLSSocket): Promise<void> {
  secure.on('error', () => undefined)
  return new Promise((resolve) => {
    secure.once('close', () => resolve())
  })
}

for (const path of ['/events', '/download']) {
  inspectTest(
    `a halt cuts ${path.slice(1)} over HTTP/1.1 in the middle, on both sides`,
    { serve },
    async (t, run, origin) => {
      const secure = await openInside(run, { port: origin.port })
      secure.write(head(`GET ${path}`, origin.port))
      await once(secure, 'data')
      const closed = closing(secure)
      const tookMs = await halt(run)
      secure.resume()
      await closed
      t.comment(`the halt was acknowledged in ${tookMs.toFixed(1)} ms`)
      await expectStillness(t, run, origin)
    },
  )
}

inspectTest(
  'a halt cuts an upload in the middle, on both sides',
  { serve },
  async (t, run, origin) => {
    const secure = await openInside(run, { port: origin.port })
    const closed = closing(secure)
    secure.write(head('POST /upload', origin.port, 'Transfer-Encoding: chunked\r\n'))
    const pour = (): void => {
      while (!secure.destroyed && secure.write(`4000\r\n${piece.toString('latin1')}\r\n`));
    }
    secure.on('drain', pour)
    pour()
    await run.eventually(() => origin.asked.length === 1)
    await halt(run)
    await closed
    await expectStillness(t, run, origin)
  },
)

inspectTest(
  'a halt cuts an event stream over HTTP/2 in the middle, on both sides',
  { serve },
  async (t, run, origin) => {
    const reading = run.curl('--http2', '-N', `${origin.url}/events`)
    await run.eventually(() => origin.asked.length === 1)
    await halt(run)
    const { code, output } = await reading
    t.not(code, 0, 'the client sees that this was no end')
    t.match(output.toString(), /^(?:data: \{"tick":1\}\n\n)*(?:[^\n]*\n?)$/)
    await expectStillness(t, run, origin)
  },
)

inspectTest(
  'a tunnel that stays open through a halt carries nothing more',
  { serve: (_, response) => response.end('ok') },
  async (t, run, { asked, port }) => {
    const answer = await askInside(run, { port }, head('GET /before', port))
    t.equal(answer.status, 200)
    const idle = await openInside(run, { port })
    idle.on('error', () => undefined)
    await halt(run)
    const closed = new Promise<string>((resolve) => {
      let text = ''
      idle.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.includes('\r\n\r\n')) resolve(text)
      })
      idle.once('close', () => resolve(text))
    })
    idle.write(head('GET /after', port))
    t.match(await closed, /^$|HTTP\/1\.1 403 [^\r]*halted/)
    t.same(asked, ['GET /before'])
    idle.destroy()
  },
)
