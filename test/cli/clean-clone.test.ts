/** What README.md and docs/ tell a newcomer to type: each command runs as written, each flag and variable exists. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { limitFlags } from '../../cli/limit-flags.ts'
import { filterNames } from '../../evidence/index/ask.ts'
import { documents, linksOf } from '../house/docs.ts'
import { haltgate, makePlace, openGate, type Place, shell } from './command.ts'

const readme = readFileSync('README.md', 'utf8')

/** Lines of a document that a shell would run, without a prompt in front and a comment behind. */
function commandLines(text: string): readonly string[] {
  const fences = [...text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)]
  const lines = fences.flatMap(([, code = '']) => code.split('\n'))
  return lines.map((line) =>
    line
      .replace(/^\$ /, '')
      .replace(/\s+# .*$/, '')
      .trim(),
  )
}

const segment = (place: Place): string =>
  join(place.directory, 'data/ledger/ledger-000000000000000.jsonl')

const ofHaltgate = (text: string): readonly string[] =>
  commandLines(text).filter((line) => /^(?:npx )?haltgate /.test(line))

/** Ends only when it is told to, or has a test of its own. */
const lasting = /haltgate (?:start|demo|witness|run --jail)\b/

/** What 'the answer is no' is right for: nothing is halted that could be reinstated. */
const mayRefuse =
  /haltgate (?:reinstate|grant|policy explain|policy lint|policy suggest|approve|deny|audit prove)\b/

test('every haltgate command of README.md runs as it is written, beside the gate of npm start', async (t) => {
  const place = makePlace(t, readFileSync('policies.yaml', 'utf8'))
  writeFileSync(join(place.directory, 'agent.py'), 'print("an agent")\n')
  const gate = await openGate(t, place, ['--agent', 'local'])
  const [, vkey = ''] = /"vkey":"([^"]+)"/.exec(readFileSync(segment(place), 'utf8')) ?? []
  t.ok(vkey, 'the key that an auditor writes down')
  const lines = ofHaltgate(readme).filter((line) => !lasting.test(line))
  t.ok(lines.length >= 10, 'the commands were found')
  for (const line of lines) {
    // A second gate has a directory of its own; the documents say so where they must.
    const own = /haltgate run\b/.test(line) ? { HALTGATE_DATA: 'own' } : {}
    const words = line.startsWith('npx ') ? line : `npx ${line}`
    const ran = await shell(place, words, { HALTGATE_CONTROL: gate.control, VKEY: vkey, ...own })
    // Of `audit prove`: no checkpoint covers the entry yet.
    const isNo = ran.code === 1 || ran.code === 3
    const fine = ran.code === 0 || (isNo && mayRefuse.test(line))
    t.ok(fine, `${line}: ${ran.code} ${ran.errors}${fine ? '' : ran.output}`)
  }
})

test('every file that README.md links or tells to run is there', async (t) => {
  const links = linksOf('README.md').map(({ file }) => file)
  const run = commandLines(readme).flatMap(
    (line) => line.match(/\b[\w-]+\/[\w-]+\.(?:py|ts|mjs|sh)\b/g) ?? [],
  )
  t.ok(links.length > 5)
  t.same(
    [...links, ...run].filter((file) => !existsSync(file)),
    [],
  )
})

const wired = readdirSync('cli')
  .map((name) => name.replace(/\.ts$/, ''))
  .filter((name) => /^(main|approvals|domains|workbench|witness)$|^audit-|-command$/.test(name))
  .map((name) => `cli/${name}.ts`)
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')

const flags: ReadonlySet<string> = new Set([
  ...limitFlags.map(({ flag }) => flag),
  ...(wired.match(/(?<=')--[a-z-]+/g) ?? []),
  ...['--help', '--version'],
  ...filterNames.map((name) => `--${name}`),
  // Of buildah, and of kubectl.
  ...['--build-arg', '--isolation', '--profile'],
  // Of `npm run fuzz`.
  ...(readFileSync('scripts/fuzz.mjs', 'utf8').match(/--[a-z]+/g) ?? []),
])

/** Code of a document that is about haltgate: commands of it, and flags that stand alone in backquotes. */
function code(text: string): readonly string[] {
  const fences = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].flatMap(([, body = '']) =>
    body.split('\n'),
  )
  const quoted = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)]
  const all = [...fences, ...quoted.map(([, words = '']) => words)]
  return all.filter((line) => /^\s*(?:\$ )?(?:npx )?haltgate |^--[a-z]/.test(line))
}

test('every flag that a document gives to haltgate is one that it takes', async (t) => {
  t.ok(flags.size > 20, 'the flags were found')
  const named = documents.flatMap((path) =>
    code(readFileSync(path, 'utf8')).flatMap((line) =>
      // Behind a lone `--` stands the command of somebody else.
      (line.split(/ -- /)[0]?.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []).map((flag) => ({
        flag,
        path,
      })),
    ),
  )
  t.ok(named.length > 10, 'the documents name some')
  t.same(
    named.filter(({ flag }) => !flags.has(flag)),
    [],
  )
})

test('every HALTGATE_ variable that a document or the image sets is read, and each that a help names', async (t) => {
  const sources = ['cli', 'test/image'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name !== 'main.ts')
      .map((name) => readFileSync(join(folder, name), 'utf8')),
  )
  const read = new Set(sources.join('\n').match(/HALTGATE_[A-Z_]+/g))
  const place = makePlace(t, '')
  const { output } = await haltgate(place, ['start', '--help'])
  const texts = [...documents, 'Dockerfile'].filter((path) => existsSync(path))
  const named = [...texts.map((path) => readFileSync(path, 'utf8')), output].flatMap(
    (text) => text.match(/HALTGATE_[A-Z_]+/g) ?? [],
  )
  t.ok(named.length > 5)
  t.same(
    named.filter((name) => !read.has(name)),
    [],
  )
})
