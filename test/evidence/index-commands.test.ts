/** `audit query` and the views as a person types them: what is printed is what the ledger says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { test } from 'tap'
import { entriesOf, type Place, segments } from '../ledger/open-ledger.ts'
import { flip, linesOf, pathOf } from '../ledger/stored-ledger.ts'
import { called, callMany, indexOf } from './index-world.ts'

const program = fileURLToPath(new URL('./index-command.js', import.meta.url))

interface Ran {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

function begin(place: Place, args: readonly string[]): ChildProcess {
  const env = { PATH: process.env['PATH'] ?? '', NO_COLOR: '1' }
  const all = [program, ...args, '--data', place.data]
  return spawn(process.execPath, all, { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

function ended(child: ChildProcess): Promise<Ran> {
  const heard = { output: '', errors: '' }
  child.stdout?.on('data', (text) => {
    heard.output += String(text)
  })
  child.stderr?.on('data', (text) => {
    heard.errors += String(text)
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...heard })))
}

const run = (place: Place, ...args: readonly string[]): Promise<Ran> => ended(begin(place, args))

const linesIn = (text: string): readonly string[] => text.trimEnd().split('\n')

test('a query prints the lines of the ledger, byte by byte, and says how fresh it is', async (t) => {
  const { place } = await called(t)
  const ran = await run(place, 'query', '--agent', 'agent1', '--json')
  t.equal(ran.code, 0, ran.errors)
  const stored = segments(place).flatMap((name) => linesOf(`${place.directory}/${name}`))
  const expected = stored
    .map((line) => line.toString().trimEnd())
    .filter((line) => line.startsWith('{"actor":{"agent":"agent1"'))
  t.same(linesIn(ran.output), expected)
  t.match(ran.errors, new RegExp(`fresh to entry ${stored.length - 1}\n`))
})

test('a table shows the newest, each with its receipt, which leads back to it', async (t) => {
  const { place } = await called(t)
  const ran = await run(place, 'query', '--verdict', 'deny', '--limit', '3')
  t.match(linesIn(ran.output)[0], /^seq +time +kind +who +verdict +code +what +receipt$/)
  t.equal(linesIn(ran.output).length, 4)
  t.match(ran.errors, /only the newest 3/)
  const refused = entriesOf(place)
    .filter(({ data }) => data['verdict'] === 'deny')
    .slice(-3)
  const receipts = linesIn(ran.output)
    .slice(1)
    .map((line) => line.split(/ +/).at(-1) ?? '')
  t.same(
    receipts,
    refused.map(({ hash, seq }) => `${seq}-${hash.slice(0, 16)}`),
  )
  const one = await run(place, 'query', '--receipt', receipts[0] ?? '', '--json')
  t.match(JSON.parse(one.output), { seq: refused[0]?.seq, hash: refused[0]?.hash })
  t.match(await run(place, 'query', '--agent', 'nobody'), { code: 0, output: 'nothing matches\n' })
})

test('comma-separated values have a head and a line for each entry', async (t) => {
  const { place } = await called(t)
  const { output } = await run(place, 'query', '--csv')
  t.match(linesIn(output)[0], /^seq,ts,kind,verdict,agent,.*,receipt$/)
  t.equal(linesIn(output).length, entriesOf(place).length + 1)
})

test('what is written while somebody follows is printed, and Ctrl-C ends it with 0', async (t) => {
  const world = await called(t, 5)
  const child = begin(world.place, [
    'query',
    '--follow',
    '--json',
    '--kind',
    'decision',
    '--limit',
    '1',
  ])
  t.teardown(() => child.kill('SIGKILL'))
  const end = ended(child)
  let heard = ''
  const says = async (text: string): Promise<void> => {
    for (let turn = 0; turn < 1_000 && !heard.includes(text); turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    t.ok(heard.includes(text), text)
  }
  child.stdout?.on('data', (text) => {
    heard += String(text)
  })
  await says('"request":"request-4"')
  const ledger = await world.open()
  await callMany(world, ledger, 800, 3)
  await says('"request":"request-802"')
  await ledger.close()
  child.kill('SIGINT')
  const { code, output } = await end
  t.equal(code, 0)
  const requests = linesIn(output).map((line) => JSON.parse(line).data.request)
  t.same(
    requests,
    ['request-4', 'request-800', 'request-801', 'request-802'],
    'each once, in order',
  )
})

test('an index that lies is made anew by the question that meets it, and the answer is right', async (t) => {
  const { place } = await called(t)
  await run(place, 'query')
  t.match(await run(place, 'query', '--verify-index'), { code: 0, output: /^OK / })
  const database = new Database(indexOf(place))
  database.exec("UPDATE entry SET host = 'evil.example.com' WHERE kind = 'decision' AND seq < 40")
  database.close()
  const compared = await run(place, 'query', '--verify-index', '--json')
  t.equal(compared.code, 1)
  t.match(JSON.parse(compared.output), { ok: false, findings: [{ code: 'INDEX_MISMATCH' }] })
  const asked = await run(place, 'query', '--host', 'evil.example.com', '--json')
  t.match(asked, { code: 0, output: '', errors: /made anew/ })
  t.match(await run(place, 'query', '--verify-index'), { code: 0 })
})

test('where the ledger is damaged, the answer says what it does not hold, and ends with 1', async (t) => {
  const { place } = await called(t)
  flip(pathOf(place, 1), 300)
  const ran = await run(place, 'query', '--json')
  t.match(ran, { code: 1, errors: /the ledger is damaged.*\n.*audit verify/ })
  t.ok(linesIn(ran.output).length > 3)
})

test('the views print tables, and their JSON and comma-separated values have all members', async (t) => {
  const { place } = await called(t)
  t.match((await run(place, 'runs')).output, /^agent +run +since/)
  t.match((await run(place, 'models')).output, /\n.* m-1 /)
  t.match((await run(place, 'system')).output, /\n.* start +info/)
  t.match(
    (await run(place, 'changes')).output,
    /\n.* operator +halt +agent:agent1 +running +halted/,
  )
  const trace = await run(place, 'trace', 'agent1/r1')
  t.match(trace.output, /\nspent +0\.0000\d+ USD\n$/)
  const models = await run(place, 'models', '--json', '--limit', '2')
  t.equal(linesIn(models.output).length, 2)
  t.match(JSON.parse(linesIn(models.output)[0] ?? ''), { model: 'm-1', prompt_hash: String })
  t.match((await run(place, 'models', '--csv')).output, /^ts,agent,run,principal,model,/)
})

/** Each line: what somebody types wrongly, and what it says. */
const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
  [['query', '--from', 'yesterday'], /--from is a time/],
  [['query', '--receipt', '12'], /--receipt is SEQ-HASH/],
  [['query', '--limit', '0'], /--limit is a number/],
  [['query', '--json', '--csv'], /name one/],
  [['query', '--csv', '--follow'], /--follow prints/],
  [['trace', 'agent1'], /no run/],
  [['record', 'party', '--message', 'x'], /no type/],
  [['record', 'note', '--message', 'x', '--severity', 'bad'], /--severity is one of/],
]

test('a mistake is told with what to write instead, and ends with 2', async (t) => {
  const { place } = await called(t, 3)
  for (const [args, says] of mistakes) {
    const ran = await run(place, ...args)
    t.equal(ran.code, 2, args.join(' '))
    t.match(ran.errors, says)
  }
  rmSync(place.directory, { recursive: true })
  t.match(await run(place, 'query'), { code: 74, errors: /there is no ledger in/ })
})
