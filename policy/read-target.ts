/** Reads whom and what a rule or budget speaks about, and reports targets that could never match. */
import type { FileTarget } from './file.ts'
import { globCharactersMax } from './glob.ts'
import { type HostPattern, readHost, writeHost } from './host.ts'
import { type Declared, type Reading, sortedSet } from './reading.ts'
import type { TargetSource } from './source.ts'
import type { Path } from './yaml-text.ts'

/** RFC 9110 section 5.6.2. */
const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/

/** Reads the targets; `ports` is what they mean where the file does not say. */
export function readTarget(
  raw: FileTarget,
  at: { readonly path: Path; readonly reading: Reading; readonly declared: Declared },
  ports: readonly number[],
): TargetSource {
  const { path, reading, declared } = at
  const named = (key: 'agents' | 'tenants' | 'projects' | 'actors', what: string) => {
    const names = raw[key] ?? []
    names.forEach((name, index) => {
      reading.refersTo([...path, key, index], name, { declared: declared[key], what })
    })
    return sortedSet(names)
  }
  const keys = raw.keys ?? []
  keys.forEach((key, index) => {
    reading.isName([...path, 'keys', index], key, 'a key')
  })
  if (raw.when !== undefined) reading.expression([...path, 'when'], raw.when, 'bool')
  return {
    agents: named('agents', 'agent'),
    tenants: named('tenants', 'tenant'),
    projects: named('projects', 'project'),
    actors: named('actors', 'actor'),
    keys: sortedSet(keys),
    hosts: readHosts(raw.hosts ?? [], [...path, 'hosts'], reading),
    ports: sortedSet(raw.ports ?? ports),
    methods: readMethods(raw.methods ?? [], [...path, 'methods'], reading),
    paths: readPaths(raw.paths ?? [], [...path, 'paths'], reading),
    when: raw.when ?? '',
  }
}

function readHosts(texts: readonly string[], path: Path, reading: Reading): readonly string[] {
  const patterns: HostPattern[] = []
  texts.forEach((text, index) => {
    const read = readHost(text)
    if ('problem' in read) reading.problem([...path, index], read.problem)
    else patterns.push(read)
  })
  const meant = patterns.filter(({ excepted }) => !excepted)
  const exceptions = patterns.filter(({ excepted }) => excepted)
  if (patterns.length < texts.length) return []
  if (exceptions.length > 0 && meant.length === 0) {
    reading.problem(
      path,
      'only exceptions: begin with the hosts that are meant, or with "*"',
      'key',
    )
  } else if (
    meant.length > 0 &&
    meant.every((host) => exceptions.some((other) => covers(other, host)))
  ) {
    reading.problem(path, 'the exceptions leave no host: this can never match', 'key')
  }
  return sortedSet(patterns.map(writeHost))
}

/** True where every host of the second pattern is a host of the first. */
export function covers(wide: HostPattern, narrow: HostPattern): boolean {
  if (wide.kind === 'any') return true
  if (narrow.kind === 'any') return false
  if (wide.kind === 'exact') return narrow.kind === 'exact' && wide.name === narrow.name
  if (narrow.name.endsWith(`.${wide.name}`)) return true
  return narrow.kind === 'suffix' && narrow.name === wide.name
}

function readMethods(texts: readonly string[], path: Path, reading: Reading): readonly string[] {
  texts.forEach((text, index) => {
    if (!tokenPattern.test(text)) reading.problem([...path, index], `"${text}" is no HTTP method`)
  })
  return sortedSet(texts.map((text) => text.toUpperCase()))
}

function readPaths(texts: readonly string[], path: Path, reading: Reading): readonly string[] {
  texts.forEach((text, index) => {
    const problem = pathProblem(text)
    if (problem !== null) reading.problem([...path, index], `"${text}" can never match: ${problem}`)
  })
  return sortedSet(texts)
}

/** Why no canonical path (RFC 3986 section 6.2.2) could match a glob; null where one could. */
function pathProblem(glob: string): string | null {
  if (!glob.startsWith('/')) return 'a path begins with `/`'
  if (glob.length > globCharactersMax) return `it is longer than ${globCharactersMax} characters`
  if (/[?#]/.test(glob)) return 'a path holds neither query nor fragment'
  if (/[^\x21-\x7e]|["<>\\^`{|}]/.test(glob)) return 'write such characters percent-encoded'
  if (/(^|\/)\.{1,2}(\/|$)/.test(glob)) return 'a canonical path has no dot segments'
  if (glob.includes('***')) return '`***` is neither `*` nor `**`'
  for (const [written, digits = ''] of glob.matchAll(/%(.{0,2})/g)) {
    if (!/^[0-9A-F]{2}$/.test(digits))
      return `\`${written}\` is not \`%\` and two upper-case digits`
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    if (/[A-Za-z0-9._~-]/.test(character)) return `\`${written}\` is written ${character}`
    if (/[/\\]/.test(character)) return 'encoded slashes are refused before any rule'
  }
  return null
}
