/** What nobody expected of work that nobody waits for: the world's failures cost a connection, bugs the process. */
import { spawnSync } from 'node:child_process'
import { test } from 'tap'
import { Failure } from '../../kernel/reasons.ts'
import { launch } from '../../proxy/launch.ts'
import { exchangeRaw, startPair } from './world.ts'

test('a failure of the world cuts its connection, and the proxy serves the next', async (t) => {
  const { world, base } = await startPair(t, (socket, text) => {
    if (text.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  const get = `GET ${base}/ HTTP/1.1\r\nHost: x\r\n\r\n`
  world.gate.script.admit = async () => {
    throw Object.assign(new Error('open EMFILE'), { code: 'EMFILE', syscall: 'open' })
  }
  t.match(await exchangeRaw(world.port, get), { text: '', fate: 'reset' })
  world.gate.script.admit = async () => {
    throw new Failure('ledger-unavailable', 'the disk is gone')
  }
  t.match(await exchangeRaw(world.port, get), { text: '', fate: 'reset' })
  world.gate.script = {}
  t.match((await exchangeRaw(world.port, get, { until: /ok$/ })).text, /^HTTP\/1.1 200/)
})

test('a failure is logged, and its connection cut before', async (t) => {
  const told: string[] = []
  const failure = Object.assign(new Error('no descriptor'), { syscall: 'socket' })
  const log = (level: string, fields: object, message: string): void => {
    told.push(`${level} ${JSON.stringify(fields)} ${message}`)
  }
  launch(log, Promise.reject(failure), () => told.push('cut'))
  launch(log, Promise.resolve(), () => told.push('never'))
  await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(told, ['cut', 'error {"error":"no descriptor"} a connection was cut'])
})

test('a bug cuts its connection and is thrown on', async (t) => {
  const { href } = new URL('../../proxy/launch.js', import.meta.url)
  const program = `import { launch } from '${href}'
    launch(() => {}, Promise.reject(new TypeError('boom')), () => console.log('cut'))`
  const args = ['--input-type=module', '--eval', program]
  const ran = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.match(ran, { stdout: 'cut\n', stderr: /TypeError: boom/ })
  t.not(ran.status, 0)
})
