/** The commands as a user types them: what they print, what they write, and with which code they end. */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { type LedgerShape, type SignedLedger, signer, writeLedger } from './signed-ledger.ts'

const program = fileURLToPath(new URL('../../../cli/main.js', import.meta.url))

/** A command that has not ended by then is killed, and fails its test. */
const patienceMs = 20_000

interface Ran {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

function audit(data: string, words: readonly string[], input = ''): Promise<Ran> {
  const environment = { ...process.env, HALTGATE_DATA: data }
  const child = spawn(process.execPath, [program, 'audit', ...words], { env: environment })
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const heard = { output: '', errors: '' }
  child.stdout.on('data', (text: Buffer) => {
    heard.output += text.toString()
  })
  child.stderr.on('data', (text: Buffer) => {
    heard.errors += text.toString()
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code, ...heard })
    })
  })
}

function begin(t: Test, more: Partial<LedgerShape> = {}, note = 200): SignedLedger {
  const shape = { entries: 200, segment: 90, checkpoint: 40, rotate: true, ...more }
  const ledger = writeLedger(shape)
  t.teardown(ledger.remove)
  if (note > 0) writeFileSync(join(ledger.directory, 'checkpoint'), ledger.noteOf(note))
  return ledger
}

test('a proof goes to an auditor as a file, and is checked there with a pinned key', async (t) => {
  const ledger = begin(t)
  const file = join(ledger.data, 'entry.tlog-proof')
  const made = await audit(ledger.data, ['prove', '--seq', '17', '--out', file])
  t.match(made, { code: 0, output: /^entry 17 of 200 is proven: / })
  const pinned = ['--key', ledger.vkeys[0] ?? '']
  const line = join(ledger.data, 'entry.json')
  writeFileSync(line, `${ledger.lines[17]}\n`)
  const nowhere = join(ledger.data, 'nowhere')
  const checked = await audit(nowhere, ['check-proof', file, '--line', line, ...pinned])
  t.match(checked, { code: 0, output: /\nPROVEN {2}entry 17 is in the log haltgate\.example\/log/ })
  const piped = await audit(
    nowhere,
    ['check-proof', file, '--line', '-', ...pinned],
    `${ledger.lines[17]}`,
  )
  t.equal(piped.code, 0)
  const other = await audit(
    nowhere,
    ['check-proof', file, '--line', '-', ...pinned],
    `${ledger.lines[18]}`,
  )
  t.match(other, { code: 1, output: /NOT PROVEN {2}the proof is of entry 17/ })
  const unpinned = await audit(nowhere, ['check-proof', file, '--line', line])
  t.match(unpinned, { code: 3, output: /UNSIGNED/ })
  const wrong = await audit(nowhere, ['check-proof', file, '--line', line, '--key', signer(7).vkey])
  t.match(wrong, { code: 1, output: /NOT PROVEN/ })
})

test('a proof with its line is printed, and checked from that alone', async (t) => {
  const ledger = begin(t)
  const made = await audit(ledger.data, ['prove', '--seq', '3', '--with-line'])
  t.match(made.output, /^c2sp\.org\/tlog-proof@v1\nextra \S+\nindex 3\n/)
  const file = join(ledger.data, 'printed')
  writeFileSync(file, made.output)
  const checked = await audit(ledger.data, [
    'check-proof',
    file,
    '--key',
    ledger.vkeys[0] ?? '',
    '--json',
  ])
  const answer = JSON.parse(checked.output) as object
  t.match(answer, { ok: true, exit: 0, seq: 3, hash: ledger.leaves[3]?.toString('hex') })
})

test('as JSON a proof comes with the entry’s line and the head', async (t) => {
  const ledger = begin(t)
  const { code, output } = await audit(ledger.data, [
    'prove',
    '--seq',
    '30',
    '--size',
    '80',
    '--json',
  ])
  t.equal(code, 0)
  t.match(JSON.parse(output), {
    ok: true,
    seq: 30,
    line: ledger.lines[30],
    hash: ledger.leaves[30]?.toString('hex'),
    head: { origin: 'haltgate.example/log', size: 80 },
    source: 'segments',
  })
})

test('growth is proven between sizes, and from a checkpoint that was kept elsewhere', async (t) => {
  const ledger = begin(t)
  const grown = await audit(ledger.data, ['consistency', '--from', '80', '--to', '160'])
  t.match(grown, { code: 0, output: /\nCONSISTENT {2}the tree of 160 goes on from that of 80/ })
  t.match(grown.output, /haltgate\.example\/log\n80\n/)
  const kept = join(ledger.data, 'kept.note')
  writeFileSync(kept, ledger.noteOf(120))
  const on = await audit(ledger.data, ['consistency', '--from', kept, '--json'])
  t.match(JSON.parse(on.output), { ok: true, exit: 0, from: { size: 120 }, to: { size: 200 } })
  const fork = begin(t, { forkAt: 100 })
  const forked = await audit(fork.data, ['consistency', '--from', kept])
  t.match(forked, { code: 4, errors: /the ledger is a fork/ })
  const shorter = begin(t, { entries: 110 }, 110)
  const rolled = await audit(shorter.data, ['consistency', '--from', kept, '--json'])
  t.equal(rolled.code, 4)
  t.match(JSON.parse(rolled.output), { ok: false, exit: 4, message: /rolled back/ })
})

test('each way of going wrong has its exit code, and a sentence', async (t) => {
  const ledger = begin(t, {}, 0)
  const { data } = ledger
  const file = join(data, 'no-note')
  writeFileSync(file, 'nothing')
  const empty = join(data, 'empty')
  mkdirSync(join(empty, 'ledger'), { recursive: true })
  const long = join(data, 'long')
  writeFileSync(long, Buffer.alloc(17_000_000))
  const kept = join(data, 'kept')
  writeFileSync(kept, ledger.noteOf(80))
  for (const [words, code, sentence] of [
    [['prove', '--seq', '190'], 3, /no checkpoint covers entry 190 of 200/],
    [['prove', '--seq', '900'], 1, /no sound entry 900/],
    [['prove', '--seq', '-1'], 2, /--seq is a number/],
    [['prove', '--seq', '7', '--size', '7'], 2, /--size must be more than --seq/],
    [['prove', '--seq', '7', '--size', '8'], 1, /no checkpoint of size 8/],
    [['prove'], 2, /--seq/],
    [['prove', '--seq', '7', '--data', `${data}/none`], 5, /ENOENT/],
    [['prove', '--seq', '7', '--out', `${data}/none/file`], 5, /ENOENT/],
    [['consistency', '--from', '7'], 2, /--to is needed/],
    [['consistency', '--from', '7', '--to', '3'], 2, /at least --from/],
    [['consistency', '--from', '7', '--to', '300'], 1, /200 entries, and not 300/],
    [['consistency', '--from', file], 5, /holds no checkpoint/],
    [['consistency', '--from', `${data}/none`], 5, /ENOENT/],
    [['prove', '--seq', '7', '--data', empty], 5, /there is no segment in/],
    [['check-proof', `${data}/none`], 5, /ENOENT/],
    [['check-proof', long], 5, /longer than any proof/],
    [['consistency', '--from', kept, '--to', '3'], 2, /--to must be at least 80/],
    [['check-proof', file], 1, /it is no proof/],
    [['check-proof', file, '--key', 'odd'], 2, /--key is NAME\+ID\+BASE64/],
  ] as const) {
    const ran = await audit(data, words)
    t.equal(ran.code, code, words.join(' '))
    t.match(`${ran.output}${ran.errors}`, sentence, words.join(' '))
  }
})

test('a ledger whose files were removed or changed is told apart', async (t) => {
  const ledger = begin(t)
  const path = join(ledger.directory, 'ledger-000000000000000.jsonl')
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace('"amount":50', '"amount":51'))
  t.match(await audit(ledger.data, ['prove', '--seq', '50']), {
    code: 1,
    errors: /no sound entry 50/,
  })
  writeFileSync(path, text)
  rmSync(join(ledger.directory, 'ledger-000000000000180.jsonl'))
  t.match(await audit(ledger.data, ['prove', '--seq', '190']), { code: 4, errors: /rolled back/ })
})
