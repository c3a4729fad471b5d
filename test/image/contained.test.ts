/** The root of a built image, run as a strict container would run it; only where HALTGATE_IMAGE_ROOT says where it was unpacked. */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { makeDirectory } from '../e2e/world.ts'

const root = process.env['HALTGATE_IMAGE_ROOT'] ?? ''
const skip =
  root === '' ? 'NOT TESTED: HALTGATE_IMAGE_ROOT names no unpacked image (docs/image.md)' : false

/** Inside: a write to the root, then a shell. */
const tricks = `
const attempt = (trick) => { try { return trick() } catch (error) { return error.code } }
console.log(attempt(() => require('fs').writeFileSync('/app/x', 'x')), require('child_process').spawnSync('/bin/sh').error?.code)
`

test('a contained gate is ready, writes nowhere but to its data, has no shell, and drains', {
  skip,
}, async (t) => {
  const words = [root, makeDirectory(t), '/app/dist/cli/main.js', 'start', '--agent', 'local']
  const begun = performance.now()
  const child = spawn(join('deploy', 'image', 'contain.sh'), words, {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = new Promise((done) => child.once('close', done))
  await new Promise<void>((done, fail) => {
    let said = ''
    child.once('close', () => fail(new Error(said)))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('haltgate is open')) done()
    })
  })
  t.comment(`open after ${Math.round(performance.now() - begun)} ms`)
  const inner = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
  const inside = (...args: readonly string[]): string => {
    const place = [`--root=/proc/${inner}/root`, '--setuid', '1337', '--setgid', '1337']
    const namespaces = ['--target', inner, '--mount', '--net', '--pid', ...place]
    const node = ['/usr/local/bin/node', ...args]
    const { status, stdout } = spawnSync('nsenter', [...namespaces, ...node], { encoding: 'utf8' })
    return `${status} ${stdout.trim()}`
  }
  t.match(inside('/app/health.mjs'), /^0 \{"ready":true/)
  t.equal(inside('-e', tricks), '0 EROFS EACCES')
  const status = readFileSync(`/proc/${inner}/status`, 'utf8')
  t.match(status, /^Uid:\t1337\t1337\t1337\t1337$/m)
  t.match(status, /^CapEff:\t0+$/m)
  t.comment(`resident ${/VmRSS:\s+(.*)/.exec(status)?.[1]}`)
  process.kill(Number(inner), 'SIGTERM')
  t.equal(await ended, 0)
})
