/** The documents of the project, taken apart: tables, links, commands and the tests that they name. */
import { posix } from 'node:path'
import { files, read } from './sources.ts'

/** Every document, as a path from the project's root. */
export const documents: readonly string[] = files.filter((path) => path.endsWith('.md'))

/** The cells of each row of the tables in a document whose first cell is a word in backquotes. */
export function rowsOf(path: string): ReadonlyMap<string, readonly string[]> {
  const rows = new Map<string, readonly string[]>()
  for (const line of read(path).split('\n')) {
    const [, first = '', rest = ''] = /^\| `([^`]+)` \|(.*)\|$/.exec(line) ?? []
    if (first === '') continue
    const cells = rest.split('|').map((cell) => cell.trim())
    rows.set(first, cells)
  }
  return rows
}

const withoutFences = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '')

/** Relative links of a document: the file that each leads to, and its anchor or an empty string. */
export function linksOf(
  path: string,
): readonly { readonly file: string; readonly anchor: string }[] {
  const found = withoutFences(read(path)).matchAll(
    /\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)/g,
  )
  return [...found].map(([, file = '', anchor = '']) => ({
    file: file === '' ? path : posix.normalize(posix.join(posix.dirname(path), file)),
    anchor,
  }))
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(path: string): ReadonlySet<string> {
  const headings = withoutFences(read(path)).matchAll(/^#{1,6} +(.*)$/gm)
  const slug = (text: string): string =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
  return new Set([...headings].map(([, text = '']) => slug(text.trim())))
}

/** Files of the project that a document names in backquotes. */
export function filesNamedIn(path: string): readonly string[] {
  const folders =
    'kernel|policy|payload|proof|ledger|gate|proxy|control|fleet|cli|bench|test|docs|scripts|examples|deploy'
  const name = new RegExp(`\`((?:${folders})/[\\w./-]+\\.\\w+)\``, 'g')
  return [...read(path).matchAll(name)].map(([, file = '']) => file)
}

/** Scripts that a document runs through npm. */
export function scriptsNamedIn(path: string): readonly string[] {
  const run = [...read(path).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name)
  const short = [...read(path).matchAll(/\bnpm (test|start)\b/g)].map(([, name = '']) => name)
  return [...run, ...short]
}

/** First words after `haltgate` where a document shows a command: in code, not in prose. */
export function commandsNamedIn(path: string): readonly string[] {
  const text = read(path)
  const fences = [...text.matchAll(/^```(?:sh|bash|console|text)?\n([\s\S]*?)^```/gm)]
  const quotes = [...withoutFences(text).matchAll(/`(haltgate [^`]+)`/g)]
  const lines = [...fences, ...quotes].flatMap(([, code = '']) => code.split('\n'))
  return lines.flatMap((line) => {
    const [, word = ''] = /^\s*(?:\$ )?(?:npx )?haltgate ([a-z]+)/.exec(line) ?? []
    return word === '' ? [] : [word]
  })
}

export interface Invariant {
  readonly id: string
  readonly tests: readonly { readonly file: string; readonly sentence: string }[]
}

/** The invariants of docs/invariants.md: a heading each, and a list of `file`: sentence. */
export function invariantsOf(path: string): readonly Invariant[] {
  const sections = read(path).split(/^## (?=I\d+\b)/m)
  return sections.slice(1).map((section) => ({
    id: /^I\d+/.exec(section)?.[0] ?? '',
    tests: [...section.matchAll(/^- `(test\/[\w./-]+)`: (.+)$/gm)].map(
      ([, file = '', text = '']) => ({
        file,
        sentence: text.trim(),
      }),
    ),
  }))
}
