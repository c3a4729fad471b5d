/** `haltgate witness` as a process: what it prints is what a gate is given, and it ends in order. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { until } from './anchor-world.ts'
import { Asking, ProvenLog, temporary } from './witness-world.ts'

const command = fileURLToPath(new URL('../../cli/witness.js', import.meta.url))
const failures = fileURLToPath(new URL('../../cli/exit.js', import.meta.url))

/** The command alone, with the ending of the whole program. */
const program = `
import { Command } from 'commander'
import { addWitness } from ${JSON.stringify(command)}
import { explainFailure } from ${JSON.stringify(failures)}
const program = new Command('haltgate')
addWitness(program, async (work) => {
  try {
    process.exitCode = await work
  } catch (error) {
    process.exitCode = explainFailure(error, (text) => process.stderr.write(text + '\\n'))
  }
})
await program.parseAsync(process.argv.slice(1), { from: 'user' })
`

interface Running {
  readonly child: ChildProcess
  readonly said: { text: string }
  readonly ended: Promise<number | null>
}

function run(t: Test, args: readonly string[]): Running {
  const all = ['--input-type=module', '-e', program, '--', 'witness', ...args]
  const child = spawn(process.execPath, all)
  const said = { text: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece: Buffer) => {
      said.text += piece.toString()
    })
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, said, ended }
}

test('it prints what a gate is given, cosigns, remembers over a restart, and ends at a signal', async (t) => {
  const log = new ProvenLog('gate.example.com/ledger')
  const directory = join(temporary(t), 'witness')
  const args = [
    '--listen',
    '127.0.0.1:0',
    '--data',
    directory,
    '--log',
    log.firstVkey,
    '--name',
    'w.example/1',
  ]
  let before = ''
  for (const life of [1, 2]) {
    const { child, ended, said } = run(t, args)
    await until(() => said.text.includes('--witness '))
    const given = /--witness (\S+)/.exec(said.text)?.[1] ?? ''
    const vkey = given.slice(given.indexOf('#'))
    if (life === 2) t.equal(vkey, before, 'the key stays')
    before = vkey
    const { witnesses } = new Asking(t, log, { witnesses: [given] })
    log.grow(5)
    witnesses.offer(log.checkpoint())
    await until(() => witnesses.states[0]?.size === log.leaves.length)
    if (life === 2) {
      const rewritten = log.forkedAt(3)
      rewritten.grow(9, 'other')
      const asking = new Asking(t, rewritten, { witnesses: [given] })
      asking.witnesses.offer(rewritten.checkpoint())
      await until(() => asking.witnesses.states[0]?.failures === 1)
      t.match(asking.witnesses.states[0]?.failure, /422/)
    }
    const second = run(t, args)
    t.equal(await second.ended, 74, 'another one in the same directory')
    t.match(second.said.text, /another process/)
    child.kill('SIGTERM')
    t.equal(await ended, 0)
  }
  t.equal(statSync(join(directory, 'witness.key')).mode & 0o777, 0o600)
  t.same(readdirSync(directory).sort(), ['seen', 'witness.key', 'witness.lock'])
})

test('a wrong flag is a sentence and exit code 2', async (t) => {
  const log = new ProvenLog('gate.example.com/ledger')
  const cases: [readonly string[], RegExp][] = [
    [['--log', 'x'], /--log is a verifying key/],
    [['--log', log.firstVkey, '--name', 'a b'], /--name is a URL without scheme/],
    [['--log', log.firstVkey, '--listen', 'nowhere'], /--listen is HOST:PORT/],
  ]
  for (const [args, message] of cases) {
    const { ended, said } = run(t, [...args, '--data', join(temporary(t), 'w')])
    t.equal(await ended, 2)
    t.match(said.text, message)
  }
})
