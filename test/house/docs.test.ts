/** What the documents say of the code is so: reasons, invariants, files, links, scripts and commands. */
import { test } from 'tap'
import ts from 'typescript'
import { reasons } from '../../kernel/reasons.ts'
import {
  anchorsOf,
  commandsNamedIn,
  documents,
  filesNamedIn,
  invariantsOf,
  linksOf,
  rowsOf,
  scriptsNamedIn,
} from './docs.ts'
import { each, files, read, sources } from './sources.ts'

const present = new Set(files)

test('docs/reasons.md has one row for each reason of the registry, with its status and retry', async (t) => {
  const rows = rowsOf('docs/reasons.md')
  for (const [code, { status, retry }] of Object.entries(reasons)) {
    const [statusCell, retryCell, meaning = '', remedy = ''] = rows.get(code) ?? []
    t.same([statusCell, retryCell], [String(status), retry], `${code}: status and retry`)
    t.ok(meaning.length > 10 && remedy.length > 5, `${code}: what it means, and what to do`)
  }
  const unknown = [...rows.keys()].filter((code) => !(code in reasons))
  t.same(unknown, [], 'no row is left of a code that the registry does not have')
})

/** Every piece of plain text in a test file: names of tests stand among them. */
function sentencesOf(path: string): ReadonlySet<string> {
  const found = new Set<string>()
  const source = sources.find((one) => one.path === path)
  if (source === undefined) return found
  each(source.tree, (node) => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) found.add(node.text)
  })
  return found
}

test('each invariant I1 to I12 names a test that proves it, and that exists', async (t) => {
  const invariants = invariantsOf('docs/invariants.md')
  const expected = Array.from({ length: 12 }, (_, index) => `I${index + 1}`)
  t.same(
    invariants.map(({ id }) => id),
    expected,
  )
  for (const { id, tests } of invariants) {
    t.ok(tests.length > 0, `${id} names a test`)
    for (const { file, sentence } of tests) {
      t.ok(sentencesOf(file).has(sentence), `${id}: ${file} has "${sentence}"`)
    }
  }
})

test('every link between documents leads somewhere', async (t) => {
  const lost = documents.flatMap((path) =>
    linksOf(path)
      .filter(({ file, anchor }) => {
        const folder = files.some((other) => other.startsWith(`${file.replace(/\/$/, '')}/`))
        if (!present.has(file)) return !folder
        return anchor !== '' && file.endsWith('.md') && !anchorsOf(file).has(anchor)
      })
      .map(({ file, anchor }) => `${path}: ${file}${anchor === '' ? '' : `#${anchor}`}`),
  )
  t.same(lost, [])
})

test('every file of ours that a document names exists', async (t) => {
  const lost = documents.flatMap((path) =>
    filesNamedIn(path)
      .filter((file) => !present.has(file))
      .map((file) => `${path}: ${file}`),
  )
  t.same(lost, [])
})

test('every npm script that a document runs exists', async (t) => {
  const { scripts } = JSON.parse(read('package.json'))
  const lost = documents.flatMap((path) =>
    scriptsNamedIn(path)
      .filter((name) => !(name in scripts))
      .map((name) => `${path}: npm run ${name}`),
  )
  t.same(lost, [])
})

/** The commands that the command line knows, as cli/ hands their names over: `.command('start')`. */
function commandNames(): ReadonlySet<string> {
  const names = new Set<string>(['help'])
  for (const { tree } of sources.filter(({ room }) => room === 'cli')) {
    each(tree, (node) => {
      if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return
      const called = node.expression.getText(tree)
      const [first] = node.arguments ?? []
      if (!/(^|\.)(command|Command)$/.test(called) || first === undefined) return
      if (ts.isStringLiteral(first)) names.add(first.text.split(' ')[0] ?? '')
    })
  }
  return names
}

test('every command that a document shows is one that haltgate has', async (t) => {
  const known = commandNames()
  const lost = documents.flatMap((path) =>
    commandsNamedIn(path)
      .filter((name) => !known.has(name))
      .map((name) => `${path}: haltgate ${name}`),
  )
  t.same(lost, [])
})

test('every code of the registry is lower-case words with hyphens', async (t) => {
  const bad = Object.keys(reasons).filter((code) => !/^[a-z]+(-[a-z]+)*$/.test(code))
  t.same(bad, [])
})
