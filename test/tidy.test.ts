/** The style guide that no other tool keeps, as a test over the source text: see STYLE.md. */
import { test } from 'tap'
import ts from 'typescript'
import { ambient } from './house/ambient.ts'
import { bannedFileNames, bannedWords, declaredName, wordsOf } from './house/banned-words.ts'
import { each, files, place, read, rooms, type Source, sources } from './house/sources.ts'

const fileLinesMax = 350
const functionLinesMax = 70

const inRooms = sources.filter((source) => rooms.includes(source.room))

/** Collects what `find` objects to, over some sources. */
function objections(
  among: readonly Source[],
  find: (source: Source, object: (node: ts.Node, sentence: string) => void) => void,
): readonly string[] {
  const found: string[] = []
  for (const source of among) {
    find(source, (node, sentence) => found.push(`${place(source, node)}: ${sentence}`))
  }
  return found
}

test('there is something to keep tidy', async (t) => {
  t.ok(sources.length > 20, 'the sources were found')
})

test(`no file is longer than ${fileLinesMax} lines`, async (t) => {
  const long = sources.filter(({ text }) => text.split('\n').length - 1 > fileLinesMax)
  t.same(
    long.map(({ path }) => path),
    [],
  )
})

test(`no function is longer than ${functionLinesMax} lines`, async (t) => {
  const long = objections(sources, ({ tree }, object) => {
    each(tree, (node) => {
      if (!ts.isFunctionLike(node)) return
      const first = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line
      const last = tree.getLineAndCharacterOfPosition(node.end).line
      const lines = last - first + 1
      if (lines > functionLinesMax) object(node, `a function of ${lines} lines`)
    })
  })
  t.same(long, [])
})

test('each file opens with its promise, a sentence or two', async (t) => {
  const silent = sources.filter(({ text }) => {
    const comment = /^(?:#!.*\n)?\/\*\*\s*([\s\S]*?)\s*\*\//.exec(text)?.[1] ?? ''
    const [promise = ''] = comment.split(/\n\s*\*\s*\n/)
    return promise.length < 20 || !/[.:)?]$/.test(promise)
  })
  t.same(
    silent.map(({ path }) => path),
    [],
  )
})

test('no name holds a banned word', async (t) => {
  const found = objections(sources, ({ tree }, object) => {
    each(tree, (node) => {
      const name = declaredName(node)
      for (const word of name === null ? [] : wordsOf(name.text)) {
        const better = bannedWords.get(word)
        if (better !== undefined) object(node, `${name?.text}: not "${word}" but ${better}`)
      }
    })
  })
  t.same(found, [])
})

test('each file is named for what it holds, in kebab-case', async (t) => {
  const bad = sources.filter(({ path }) => {
    const stem = (path.split('/').at(-1) ?? '').replace(/(\.test|\.d)?\.(ts|mjs)$/, '')
    return bannedFileNames.has(stem) || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)
  })
  t.same(
    bad.map(({ path }) => path),
    [],
  )
})

test('nothing is exported as default, and nothing is any', async (t) => {
  const found = objections(sources, ({ tree }, object) => {
    each(tree, (node) => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) object(node, 'any')
      if (node.kind === ts.SyntaxKind.DefaultKeyword && ts.canHaveModifiers(node.parent)) {
        object(node, 'a default export')
      }
      if (ts.isExportAssignment(node)) object(node, 'a default export')
    })
  })
  t.same(found, [])
})

test('an exported function says what it returns', async (t) => {
  const found = objections(inRooms, ({ tree }, object) => {
    for (const statement of tree.statements) {
      if (!ts.isFunctionDeclaration(statement) || statement.type !== undefined) continue
      if (isExported(statement)) object(statement, 'no return type')
    }
  })
  t.same(found, [])
})

const isExported = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node) &&
  (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)

/** What a statement exports to be run: a function, a class or constants; types speak by their members. */
const runs = (node: ts.Statement): boolean =>
  isExported(node) &&
  (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isVariableStatement(node))

test('what kernel, ledger and gate export says what it is for', async (t) => {
  const stewards = sources.filter(({ room }) => ['kernel', 'ledger', 'gate'].includes(room))
  const found = objections(stewards, ({ tree }, object) => {
    const exported = tree.statements.filter(runs)
    // The opening promise of a file speaks for its only export.
    if (exported.length === 1) return
    for (const statement of exported) {
      if (ts.getJSDocCommentsAndTags(statement).length === 0) object(statement, 'no docstring')
    }
  })
  t.same(found, [])
})

test('the text of no file is left unfinished', async (t) => {
  const marks = new RegExp(`\\b(${['FIX' + 'ME', 'TO' + 'DO', 'X' + 'XX'].join('|')})\\b`)
  const texts = files.filter((path) => /\.(ts|mjs|cjs|md|yaml|yml|json)$/.test(path))
  t.same(
    texts.filter((path) => path !== 'package-lock.json' && marks.test(read(path))),
    [],
  )
})

/** Rooms that are given their world, and the files of theirs in which a port to it is made. */
const given: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  policy: [],
  gate: [],
  ledger: ['ledger/deadline.ts'],
}

test('time, chance, timers and the process come in through a port', async (t) => {
  const bound = sources.filter(({ room, path }) => given[room]?.includes(path) === false)
  const found = objections(bound, ({ tree }, object) => {
    each(tree, (node) => {
      const taken = ambient(node)
      if (taken !== null) object(node, taken)
    })
  })
  t.same(found, [])
})

test('nothing in the project names a machine of ours or the address of a registry', async (t) => {
  const machine =
    /(?:^|[^\w.-])\/(?:work|farm|home|tmp\/scratch)\/|registry\.[a-z.]*(?:npmjs|yarnpkg)/m
  const texts = files.filter((path) => !/\.(png|ico|sqlite|pem)$/.test(path))
  t.same(
    texts.filter((path) => machine.test(read(path))),
    [],
  )
  t.notMatch(
    read('package-lock.json'),
    /"resolved":/,
    'the lockfile fetches from where npm is told to',
  )
})
