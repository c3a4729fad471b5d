/** docs/domains.md says of each domain what its plugin declares and checks: no more, no less. */
import { dirname, posix } from 'node:path'
import { test } from 'tap'
import ts from 'typescript'
import type { ActionType, DomainConfig, DomainParameter } from '../../kernel/domain.ts'
import { builtinDomains } from '../../kernel/domains/index.ts'
import { reasons } from '../../kernel/reasons.ts'
import { each, read, sources } from './sources.ts'

/** Parts of the document by the name of their domain. */
const sections: ReadonlyMap<string, string> = new Map(
  read('docs/domains.md')
    .split(/^## (?=[a-z_]+$)/m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text]),
)

const quoted = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, inner = '']) => inner)

/** Cells of the rows under the heading row that begins with a word. */
function rowsUnder(section: string, head: string): readonly (readonly string[])[] {
  const [, table = ''] = section.split(new RegExp(`^\\| ${head} \\|.*\\n\\|[-|]+\\|\\n`, 'm'))
  const lines = table.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('|'))
  return lines.slice(0, end < 0 ? lines.length : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const actionRow = (action: ActionType): readonly string[] => [
  `\`${action.name}\``,
  action.category,
  String(action.riskLevel),
  action.requires.map((fact) => `\`${fact}\``).join(', ') || '–',
  action.requiresHumanApproval ? 'yes' : '–',
]

const parameterRow = ({
  name,
  kind,
  fallback,
  description,
}: DomainParameter): readonly string[] => [
  `\`${name}\``,
  kind,
  `\`${JSON.stringify(fallback)}\``,
  description.replace(/\.$/, ''),
]

function typesOf({ actors, resources }: DomainConfig): string {
  const known = resources.map(({ name, sensitivity }) => `\`${name}\` (${sensitivity})`)
  const agents = actors.map(({ name }) => `\`${name}\``)
  return `Agents: ${agents.join(', ')}. Resources: ${known.join(', ')}.`
}

/** What every domain is written with: its words belong to none of them. */
const ofAll = /^kernel\/(?!domains\/)|^kernel\/domains\/(check|templates\/.*)\.ts$/

/** The files of a domain: its own, and those that it imports. */
function filesOf(path: string, found: Set<string> = new Set()): ReadonlySet<string> {
  const source = sources.find((one) => one.path === path)
  if (source === undefined || found.has(path) || ofAll.test(path)) return found
  found.add(path)
  for (const [, from = ''] of source.text.matchAll(/^(?:import|\}) .*?from '(\.[^']+)'/gm)) {
    filesOf(posix.join(dirname(path), from), found)
  }
  return found
}

interface Words {
  readonly checks: Set<string>
  readonly codes: Set<string>
  /** Codes that are put together: their beginnings and ends. */
  readonly patterns: RegExp[]
  readonly facts: Set<string>
  /** Words with a hyphen, which are names of checks, codes, or patterns that it finds. */
  readonly hyphenated: Set<string>
}

const readers = /^(text|number|integer|count|flag|names|factOf|isGiven|idOf|claimOf)$/
const namers = /^(againstId|againstName|againstCountry|whereGiven)$/

const textsIn = (nodes: readonly ts.Node[]): readonly string[] =>
  nodes.filter(ts.isStringLiteral).map(({ text }) => text)

/** Ids that a mark gives, such as `finance/order-rate`, and codes of violations. */
function takeProperty(node: ts.PropertyAssignment, domain: string, words: Words): void {
  const key = node.name.getText()
  if (key === 'id' && ts.isStringLiteral(node.initializer)) {
    const { text } = node.initializer
    if (text.startsWith(`${domain}/`)) words.codes.add(text.slice(domain.length + 1))
  }
  if (key === 'code') {
    each(node.initializer, (inner) => {
      if (ts.isStringLiteral(inner)) words.codes.add(inner.text)
      if (ts.isTemplateExpression(inner)) {
        const [tail] = inner.templateSpans
        words.patterns.push(new RegExp(`^${inner.head.text}.+${tail?.literal.text ?? ''}$`))
      }
    })
  }
}

/** The checks, codes and facts that the source of a domain speaks of. */
function wordsOf(path: string, domain: string): Words {
  const words: Words = {
    checks: new Set(),
    codes: new Set(),
    patterns: [],
    facts: new Set(),
    hyphenated: new Set(),
  }
  for (const { tree } of sources.filter((one) => filesOf(path).has(one.path))) {
    each(tree, (node) => {
      if (ts.isPropertyAssignment(node)) takeProperty(node, domain, words)
      if (ts.isStringLiteral(node) && /^[a-z]+(-[a-z]+)+$/.test(node.text)) {
        words.hyphenated.add(node.text)
      }
      if (ts.isObjectLiteralExpression(node)) {
        const has = (name: string): ts.ObjectLiteralElementLike | undefined =>
          node.properties.find((one) => one.name?.getText() === name)
        const named = has('name')
        if (has('applies') && named && ts.isPropertyAssignment(named)) {
          for (const name of textsIn([named.initializer])) words.checks.add(name)
        }
      }
      if (!ts.isCallExpression(node)) return
      const called = node.expression.getText()
      if (readers.test(called)) for (const one of textsIn(node.arguments)) words.facts.add(one)
      if (namers.test(called)) for (const one of textsIn(node.arguments)) words.facts.add(one)
    })
  }
  words.codes.delete('validator-refused')
  words.hyphenated.delete('validator-refused')
  return words
}

/** Reasons that a domain may answer with in their own name. */
const ownReasons = Object.keys(reasons).filter((code) => /^(facts|proof)-/.test(code))

/** Frameworks and risk models are told by `haltgate domains info`. */
const isOfCatalogue = ({ frameworks, riskModels }: DomainConfig, word: string): boolean =>
  frameworks.includes(word) || riskModels.some(({ name }) => name === word)

test('docs/domains.md has a section for each domain, and for no other', async (t) => {
  t.same([...sections.keys()], [...builtinDomains.keys()])
})

for (const [name, { config }] of builtinDomains) {
  const section = sections.get(name) ?? ''
  const words = wordsOf(`kernel/domains/${name.replaceAll('_', '-')}.ts`, name)

  test(`docs/domains.md says what ${name} declares`, async (t) => {
    t.ok(section.includes(typesOf(config)), 'its agents and resources')
    t.same(rowsUnder(section, 'action'), config.actions.map(actionRow))
    t.same(rowsUnder(section, 'parameter'), config.parameters.map(parameterRow))
  })

  test(`docs/domains.md says what ${name} checks, by which facts, and with which codes`, async (t) => {
    const rows = rowsUnder(section, 'check')
    const checks = rows.flatMap(([first = '']) => quoted(first))
    t.same([...checks].sort(), [...words.checks].sort(), 'its checks')
    const codes = rows.flatMap(([, , last = '']) => quoted(last))
    const untold = [...words.codes].filter((code) => !codes.includes(code))
    t.same(untold, [], 'every code of its source stands in the table')
    const madeUp = codes.filter((code) => {
      const known = [words.codes, words.hyphenated].some((found) => found.has(code))
      return (
        !known &&
        !ownReasons.includes(code) &&
        !words.patterns.some((pattern) => pattern.test(code))
      )
    })
    t.same(madeUp, [], 'and no other')
    const silent = [...words.hyphenated].filter(
      (word) => !isOfCatalogue(config, word) && !quoted(section).includes(word),
    )
    t.same(silent, [], 'every name of a check, a code or a pattern')
    const facts = [...words.facts].filter((fact) => !quoted(section).includes(fact))
    t.same(facts, [], 'every fact and claim that it reads')
  })
}
