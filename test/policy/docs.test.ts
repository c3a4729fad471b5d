/** docs/policy.md names every key of the format, and none that there is not. */
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { decoderNames } from '../../kernel/content.ts'
import { detectorNames } from '../../kernel/payload.ts'
import { declarationSchema, schema } from '../../policy/schema.ts'

const text = readFileSync('docs/policy.md', 'utf8')

/** Keys in the first column of the tables under headings that begin so. */
function keysUnder(...headings: readonly string[]): readonly string[] {
  const sections = text.split(/^## /m).filter((section) => {
    return headings.some((heading) => section.startsWith(heading))
  })
  const tables = sections.map((section) => section.split('\n### Amounts')[0] ?? '')
  const rows = tables.flatMap((table) => [...table.matchAll(/^\| (`[^|]*) \|/gm)])
  return rows.flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, key = '']) => key),
  )
}

const keysOf = (part: object): readonly string[] => Object.keys(part).sort()

test('the tables of docs/policy.md hold the keys of the schema', (t) => {
  const { properties } = schema
  const { rules, budgets, agents, approvers, issuers, credentials } = properties
  const { upstream_proxies, prices, defaults, ledger } = properties
  const top = [
    ...keysOf(properties).filter((key) => key !== 'defaults' && key !== 'ledger'),
    ...keysOf(ledger.properties).map((key) => `ledger.${key}`),
    ...keysOf(defaults.properties).map((key) => `defaults.${key}`),
  ]
  const rule = keysUnder('A rule: when', 'A rule: what the', 'A rule: what follows')
  const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['file', keysUnder('The file'), top.sort()],
    ['agent', keysUnder('An agent'), keysOf(agents.additionalProperties.properties)],
    ['approver', keysUnder('An approver'), keysOf(approvers.additionalProperties.properties)],
    ['issuer', keysUnder('An issuer'), keysOf(issuers.additionalProperties.properties)],
    ['rule', rule, keysOf(rules.items.properties)],
    ['credential', keysUnder('A credential'), keysOf(credentials.additionalProperties.properties)],
    ['proxy', keysUnder('A proxy'), keysOf(upstream_proxies.additionalProperties.properties)],
    ['price', keysUnder('Prices'), keysOf(prices.properties.models.items.properties)],
  ]
  for (const [what, said, keys] of table) t.same([...said].sort(), keys, what)
  const targets = ['agents', 'tenants', 'projects', 'actors', 'keys', 'hosts', 'ports', 'methods']
  const budget = [...keysUnder('A budget'), ...targets, 'paths', 'when']
  t.same(budget.sort(), keysOf(budgets.items.properties))
  t.end()
})

test('docs/policy.md names every decoder and every detector', (t) => {
  for (const name of [...decoderNames, ...detectorNames]) t.ok(text.includes(`\`${name}\``), name)
  t.end()
})

test('docs/domain-plugins.md names every key of a declared domain', (t) => {
  const plugins = readFileSync('docs/domain-plugins.md', 'utf8')
  const [, section = ''] = plugins.split('## Without code')
  const rows = [...section.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, key = '']) => key)
  const keys = keysOf(declarationSchema.properties).filter((key) => key !== 'kind')
  t.same(rows.filter((key) => keys.includes(key)).sort(), keys)
  t.end()
})
