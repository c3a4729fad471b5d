/** `haltgate domains`, and docs/domain-plugins.md, whose examples work as they stand. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import {
  type DomainsContext,
  domainInfo,
  listDomains,
  newDomain,
} from '../../cli/domain-catalog.ts'
import { loadPlugin } from '../../cli/plugin-file.ts'
import { UsageError } from '../../cli/settings.ts'
import type { Content } from '../../kernel/content.ts'
import { builtinDomains } from '../../kernel/domains/index.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { formatProblem, loadPolicy } from '../../policy/load.ts'
import type { GivenPlugin } from '../../policy/plugins.ts'
import { local, request } from '../policy/facts.ts'

function place(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-domains-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

function printing(changes: Partial<DomainsContext> = {}): DomainsContext & { lines: string[] } {
  const lines: string[] = []
  return { plugins: [], json: false, print: (text) => lines.push(text), lines, ...changes }
}

test('the domains of the gate are listed, and each says what it knows', async (t) => {
  const context = printing({ json: true })
  t.equal(await listDomains(context), 0)
  const rows = JSON.parse(context.lines.join('\n')) as readonly { readonly name: string }[]
  t.same(
    rows.map(({ name }) => name),
    [...builtinDomains.keys()],
  )
  const table = printing()
  await listDomains(table)
  for (const name of builtinDomains.keys()) {
    t.match(table.lines.join('\n'), new RegExp(`^${name} `, 'm'))
    const info = printing({ json: true })
    t.equal(await domainInfo(info, name), 0)
    t.match(JSON.parse(info.lines.join('\n')), { name, origin: 'builtin' })
    const text = printing()
    await domainInfo(text, name)
    for (const { name: action } of builtinDomains.get(name)?.config.actions ?? []) {
      t.match(text.lines.join('\n'), action)
    }
  }
  await t.rejects(
    domainInfo(printing(), 'financ'),
    new UsageError("there is no domain 'financ'; did you mean 'finance'?"),
  )
})

test('what `domains new` writes passes its own test, and is found by --plugin', async (t) => {
  const directory = place(t)
  const context = printing()
  t.equal(await newDomain(context, 'logistics', directory), 0)
  const said = execFileSync(
    process.execPath,
    ['--test', '--test-reporter=tap', 'logistics.test.mjs'],
    {
      ...{ cwd: directory, encoding: 'utf8' },
      env: { PATH: process.env['PATH'] ?? '' },
    },
  )
  t.match(said, /# pass 2/)
  const plugins = [join(directory, 'logistics.js')]
  const info = printing({ plugins })
  t.equal(await domainInfo(info, 'logistics'), 0)
  t.match(info.lines.join('\n'), /axn_ship/)
  const text =
    'version: 1\nrules: [{id: a, effect: allow, domain: logistics, action: axn_ship, context: {weight: "5"}}]\n'
  const read = await loadPolicy({ name: 'p.yaml', text }, { plugins: await given(plugins) })
  t.ok('policy' in read)
  await t.rejects(newDomain(context, 'logistics', directory), /exists already/)
  await t.rejects(newDomain(context, 'finance', directory), /comes with the gate/)
  await t.rejects(newDomain(context, '../x', directory), /is no name of a domain/)
  await t.rejects(listDomains(printing({ plugins: [...plugins, ...plugins] })), {
    code: 'policy-unavailable',
  })
})

const given = (paths: readonly string[]): Promise<readonly GivenPlugin[]> =>
  Promise.all(paths.map(loadPlugin))

/** Fenced blocks of a language, in their order. */
function blocks(language: string): readonly string[] {
  const text = readFileSync('docs/domain-plugins.md', 'utf8')
  const fence = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g')
  return [...text.matchAll(fence)].map(([, block = '']) => block)
}

function posted(agent: string, host: string, body: Content['body']): RequestFacts {
  const content: Content = { decoder: 'json', body, facts: {}, model: null }
  const principal = { ...local, agent }
  return request({ principal, method: 'POST', host, path: '/parcels', content })
}

test('the examples of docs/domain-plugins.md work as they stand', async (t) => {
  const directory = place(t)
  const [script = ''] = blocks('js')
  const path = join(directory, 'fleet_care.js')
  writeFileSync(path, script)
  const plugins = await given([path])
  const policies = []
  for (const text of blocks('yaml')) {
    const read = await loadPolicy({ name: 'policies.yaml', text }, { plugins })
    t.same('problems' in read ? read.problems.map(formatProblem) : [], [])
    t.same('warnings' in read ? read.warnings.map(formatProblem) : [], [])
    if ('policy' in read) policies.push(read.policy)
  }
  const [declared, scripted] = policies
  t.ok(declared !== undefined && scripted !== undefined && policies.length === 2)
  const occasion = { at: 1_000, proofs: [] }
  const table = [
    [declared, posted('shipper', 'carrier.example.com', { id: '7', weight: 5 }), []],
    [declared, posted('shipper', 'carrier.example.com', { id: '7', weight: 31 }), ['bound-weight']],
    [scripted, posted('mechanic', 'workshop.example.com', { car: 'car-7', price: 800 }), []],
    [scripted, posted('mechanic', 'workshop.example.com', { car: 'car-7', price: 801 }), ['price']],
  ] as const
  for (const [policy, facts, codes] of table) {
    const judgement = policy?.judge(facts, policy.classify(facts), occasion)
    t.same(
      judgement?.violations.map(({ code }) => code),
      codes,
    )
  }
  const [, , , [, dear]] = table
  const judgement = scripted?.judge(dear, scripted.classify(dear), occasion)
  t.match(judgement, {
    violations: [{ verdict: 'approve', need: 1, of: ['workshop'] }],
    charge: { repairs: 1 },
    marks: [{ op: 'once', key: 'fleet_care/booked/car-7' }],
    controls: ['soc-2/CC6.1'],
    added: { owner: 'workshop' },
  })
})
