/** The last line of `npm test` can be believed: whatever goes wrong in a test file is counted as failed. */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'

const root = process.cwd()

interface Case {
  readonly what: string
  readonly files: readonly string[]
  readonly last: RegExp
  readonly code: number
  readonly says: RegExp
}

const head = "import { test } from 'tap'\n"
const passing = `${head}test('holds', async (t) => { t.ok(true); t.equal(1, 1) })\n`

const cases: readonly Case[] = [
  {
    what: 'all passing',
    files: [passing],
    last: /^2 passed, 0 failed$/,
    code: 0,
    says: /ok +dist/,
  },
  {
    what: 'a false assertion, a skipped test, a throw at import, and a kill',
    files: [
      `${head}test('is', async (t) => { t.equal(1, 2, 'one is two') })\ntest('later', { skip: 'not today' })\n`,
      "import 'tap'\nthrow new Error('at import')\n",
      'process.kill(process.pid, 9)\n',
      passing,
    ],
    last: /^2 passed, 3 failed, 1 skipped$/,
    code: 1,
    says: /not ok: .*one is two[\s\S]*-2\n[\s\S]*\+1\n[\s\S]*signal: SIGKILL/,
  },
  {
    what: 'a file in which nothing is tested',
    files: ['console.log("nothing")\n'],
    last: /^0 passed, 1 failed$/,
    code: 1,
    says: /no tests found/,
  },
  {
    what: 'a bail-out',
    files: [`${head}test('stops', async (t) => { t.bailout('enough') })\n`],
    last: /^0 passed, 1 failed$/,
    code: 1,
    says: /Bail out! enough/,
  },
]

function plant(folder: string, one: Case): void {
  mkdirSync(join(folder, 'dist/test'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  copyFileSync(join(root, '.taprc'), join(folder, '.taprc'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  for (const [index, text] of one.files.entries()) {
    writeFileSync(join(folder, `dist/test/${index}.test.js`), text)
  }
}

function report(folder: string): Promise<{ readonly code: number; readonly text: string }> {
  const reporter = join(root, 'scripts/plain-reporter.mjs')
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(_?TAP|NODE_OPTIONS)/.test(name)),
  )
  return new Promise((resolve) => {
    execFile(process.execPath, [reporter], { cwd: folder, env }, (error, text) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), text })
    })
  })
}

for (const one of cases) {
  test(`${one.what}: counted, shown, and the exit code is ${one.code}`, async (t) => {
    // Not in .tap/, where tap looks for no tests.
    const folder = mkdtempSync(join(tmpdir(), 'haltgate-reporter-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    plant(folder, one)
    const { code, text } = await report(folder)
    t.match(text.trimEnd().split('\n').at(-1), one.last)
    t.match(text, one.says)
    t.equal(code, one.code)
  })
}
