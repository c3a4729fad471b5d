/** Lists and tables that stand in files beside a policy, and people who approve. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { formatProblem, type LoadOptions, loadPolicy } from '../../policy/load.ts'
import { tablesBeside } from '../../policy/table-file.ts'
import { termsOfSource } from '../../policy/terms.ts'
import { policyOf, request, tunnel, withRules } from './facts.ts'
import { loaded } from './judged.ts'

function beside(t: Test, files: Readonly<Record<string, string>>): LoadOptions {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-tables-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'folder'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return { readTable: tablesBeside(join(directory, 'policies.yaml'), 'policies.yaml') }
}

test('tables and lists stand in files beside the policy, and are part of it', async (t) => {
  const text = withRules('  - {id: a, effect: allow}', 'domains: {ai: {models: ./models.yaml}}\n')
  const options = beside(t, { 'models.yaml': '- gpt-4o\n- "gpt-4*"\n' })
  const policy = await loaded(text, options)
  t.same(policy.domains.get('ai')?.parameters['models'], ['gpt-4o', 'gpt-4*'])
  const inline = text.replace('./models.yaml', '[gpt-4o, "gpt-4*"]')
  t.equal((await policyOf(inline)).digest, policy.digest, 'whether they stand there or here')
})

test('a table that is missing, elsewhere, too large or of another form is a problem', async (t) => {
  const options = beside(t, {
    'map.yaml': 'a: 1\n',
    'bad.yaml': 'a: [\n',
    'large.yaml': `- ${'x'.repeat(1 << 20)}\n`,
    'empty.yaml': '',
  })
  const table: readonly (readonly [string, RegExp])[] = [
    ['./none.yaml', /:8:24: `models`: the file cannot be opened \(ENOENT\)/],
    ['../x.yaml', /does not lie beside the policy/],
    ['/etc/passwd', /does not lie beside the policy/],
    ['folder', /is no file/],
    ['map.yaml', /^map\.yaml:1:1: the file of `models` must hold a list of texts/],
    ['bad.yaml', /^bad\.yaml:2:1: no valid YAML/],
    ['large.yaml', /is longer than 1048576 bytes/],
    ['empty.yaml', /the file holds no policy/],
  ]
  for (const [path, pattern] of table) {
    const text = withRules('  - {id: a, effect: allow}', `domains: {ai: {models: ${path}}}\n`)
    const read = await loadPolicy({ name: 'policies.yaml', text }, options)
    const said = 'problems' in read ? read.problems.map(formatProblem) : []
    t.match(said[0], pattern, path)
    t.equal(said.length, 1)
  }
})

test('a rule says who must approve it: so many, or a share of those who may', async (t) => {
  const people = ['a', 'b', 'c'].map(
    (name) => `  ${name}: { groups: [risk], tokens: ["sha256:${name.repeat(64)}"] }`,
  )
  const policy = await policyOf(
    withRules(
      `  - {id: plain, effect: approve}
  - {id: two, effect: approve, approval: {need: 2, of: [risk], expires: 5m, wait: 20s}}
  - {id: half, effect: approve, approval: {threshold: 50, of: [risk]}}
  - {id: most, effect: approve, approval: {threshold: 67}}
  - {id: little, effect: approve, approval: {threshold: 1, of: [a]}}
  - {id: open, effect: allow}`,
      `approvers:\n${people.join('\n')}\n`,
    ),
  )
  const said = [...policy.rules.values()].map(({ id, approval }) => [id, approval])
  const hour = { expiresMs: 3_600_000, waitMs: 0 }
  t.same(said, [
    ['plain', { quorum: { need: 1, of: [] }, ...hour }],
    ['two', { quorum: { need: 2, of: ['risk'] }, expiresMs: 300_000, waitMs: 20_000 }],
    ['half', { quorum: { need: 2, of: ['risk'] }, ...hour }],
    ['most', { quorum: { need: 3, of: [] }, ...hour }],
    ['little', { quorum: { need: 1, of: ['a'] }, ...hour }],
    ['open', null],
  ])
  t.same(termsOfSource(policy.source)?.rules, policy.rules)
  t.same(policy.approvers.get('b'), { name: 'b', groups: ['risk'], tokens: ['b'.repeat(64)] })
})

test('of two rules, the one that asks for a capability goes before the one that attaches one', async (t) => {
  const policy = await policyOf(
    withRules(`  - {id: a, hosts: [example.com], effect: allow, capability: attach}
  - {id: b, paths: [/x], effect: allow, capability: require}`),
  )
  t.equal(policy.classify(request()).capability, 'attach')
  t.equal(policy.classify(request({ path: '/x' })).capability, 'require')
  const hidden = policy.classify(tunnel())
  t.match(hidden.refusals[0], { code: 'inspection-required' })
})
