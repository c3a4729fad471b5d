/** The project's own files, read and parsed once: what the tests of the house look at. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** The rooms of the building, in the order of the staircase. */
export const rooms = [
  'kernel',
  'policy',
  'payload',
  'proof',
  'ledger',
  'gate',
  'evidence',
  'proxy',
  'control',
  'fleet',
  'cli',
]

/** Made, fetched or kept by others: never looked into. */
const foreign = new Set(['node_modules', 'dist', 'data', '.git', '.tap', 'results'])

function walk(folder: string, found: string[]): string[] {
  for (const entry of readdirSync(join(process.cwd(), folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (foreign.has(entry.name) || entry.isSymbolicLink()) continue
    if (entry.isDirectory()) walk(path, found)
    else if (entry.isFile()) found.push(path)
  }
  return found
}

/** Every file of the project, as a path from its root, ascending. */
export const files: readonly string[] = walk('', []).sort()

/** The text of one file of the project. */
export const read = (path: string): string => readFileSync(join(process.cwd(), path), 'utf8')

export interface Source {
  readonly path: string
  readonly room: string
  readonly text: string
  readonly tree: ts.SourceFile
}

function parse(path: string): Source {
  const text = read(path)
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  return { path, room: path.slice(0, path.indexOf('/')), text, tree }
}

/** Every TypeScript file and script, parsed. */
export const sources: readonly Source[] = files
  .filter((path) => /^[a-z]+\/.*\.(ts|mjs)$/.test(path))
  .map(parse)

/** Calls `visit` with each node of a tree, parents first. */
export function each(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => each(child, visit))
}

/** `path:line` of a node, as an editor opens it. */
export function place(source: Source, node: ts.Node): string {
  const { line } = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree))
  return `${source.path}:${line + 1}`
}
