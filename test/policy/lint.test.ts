/** Faulty policies, each with the code by which its fault is found, and a request that shows it when it is asked. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { explain } from '../../policy/explain.ts'
import { lintFile } from '../../policy/lint-file.ts'
import { type LintCode, type LintFinding, lintCodes } from '../../policy/lint-finding.ts'
import { loadPolicy } from '../../policy/load.ts'
import { policyOf, request, tunnel } from './facts.ts'
import { budgetFaults } from './lint-faults-budgets.ts'
import { ruleFaults } from './lint-faults-rules.ts'

const faulty = [...ruleFaults, ...budgetFaults]

async function found(text: string): Promise<readonly LintFinding[]> {
  const file = { name: 'policies.yaml', text }
  return lintFile(file, await loadPolicy(file))
}

const told = (findings: readonly LintFinding[]): string =>
  findings.map(({ code, line, message }) => `${line}: ${code}: ${message}`).join('\n')

test('each planted fault is found by its code, at its line, with a request that shows it', async (t) => {
  t.ok(faulty.length >= 25, `${faulty.length} faulty policies`)
  for (const { title, text, code, line, ids, example } of faulty) {
    const findings = await found(text)
    const finding = findings.find((each) => each.code === code)
    t.ok(finding !== undefined, `${code}: ${title}\n${told(findings)}`)
    if (finding === undefined) continue
    t.equal(finding.line, line, `${title}: its line`)
    t.same(finding.ids, ids, `${title}: its ids`)
    if (example !== undefined) {
      const { agent = '', method = '', url = '' } = finding.example ?? {}
      t.equal(`${agent} ${method} ${url}`, example, `${title}: its example`)
    }
  }
})

test('a policy of one fault has that finding and no other', async (t) => {
  for (const { title, text, code, also = [] } of faulty) {
    const codes = new Set<LintCode>((await found(text)).map((each) => each.code))
    t.same([...codes].sort(), [code, ...also].sort(), title)
  }
})

test('every code that a lint can find is one that some faulty policy has', (t) => {
  const planted = new Set(faulty.map(({ code }) => code))
  const beyond: readonly LintCode[] = ['warned']
  t.same(
    lintCodes.filter((code) => !planted.has(code) && !beyond.includes(code)),
    [],
  )
  t.end()
})

test('the example of a finding is answered by the policy as the finding says', async (t) => {
  const beaten = faulty.find(({ code }) => code === 'always-denied')
  const text = beaten?.text ?? ''
  const [finding] = (await found(text)).filter(({ code }) => code === 'always-denied')
  const policy = await policyOf(text)
  t.match(finding?.example, { agent: 'local', method: 'GET', url: 'http://a.test/x' })
  const asked = request({ host: 'a.test', path: '/x' })
  const explained = explain(policy, asked)
  t.equal(explained.verdict, 'deny')
  const spoke = explained.classification.rules
  t.ok(
    finding?.ids.every((id) => spoke.includes(id)),
    'both rules speak, and the deny wins',
  )
  t.equal(explain(policy, tunnel({ host: 'a.test' })).verdict, 'deny')
})

test('nothing is found in the policy that ships, nor in the examples', async (t) => {
  const root = process.cwd()
  const folders = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
  const files = folders.filter((name) =>
    /(^|\/)(policies|[\w-]*polic[\w-]*)\/?[^/]*\.ya?ml$/.test(name),
  )
  t.ok(files.length >= 4, files.join(' '))
  for (const name of ['policies.yaml', ...files.map((file) => `examples/${file}`)]) {
    t.equal(told(await found(readFileSync(join(root, name), 'utf8'))), '', name)
  }
})

interface Registry {
  readonly [name: string]: unknown
}

/** The plugins of a registry, whatever it calls them. */
function pluginsIn(registry: Registry): readonly {
  readonly config: { readonly name: string }
  policyTemplates(): readonly { readonly name: string; readonly text: string }[]
}[] {
  const values = Object.values(registry).flatMap((value) => {
    if (Array.isArray(value)) return value as unknown[]
    return value instanceof Map ? [...(value.values() as Iterable<unknown>)] : [value]
  })
  const isPlugin = (value: unknown): value is ReturnType<typeof pluginsIn>[number] =>
    typeof value === 'object' && value !== null && 'policyTemplates' in value
  return values.filter(isPlugin)
}

test('nothing is found in the templates of the domains', async (t) => {
  const index = fileURLToPath(new URL('../../kernel/domains/index.js', import.meta.url))
  if (!existsSync(index)) return t.pass('no registry yet')
  const plugins = pluginsIn((await import(index)) as Registry)
  let count = 0
  for (const { config, policyTemplates } of plugins) {
    for (const { name, text } of policyTemplates()) {
      count += 1
      t.equal(told(await found(text)), '', `${config.name}: ${name}`)
    }
  }
  return t.ok(count > 0 || plugins.length === 0, `${count} templates`)
})

test('docs/workbench.md has a row for each code of a lint, and no other', (t) => {
  const text = readFileSync('docs/workbench.md', 'utf8')
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code)
  t.same(rows, [...lintCodes])
  t.end()
})

test('many rules are looked at, and each fault among them is found', async (t) => {
  const rule = (index: number): string =>
    `  - { id: r${index}, hosts: [h${index}.test], methods: [GET, CONNECT], effect: allow }`
  const rules = Array.from({ length: 400 }, (_, index) => rule(index))
  const head = 'version: 1\ndefaults: { tls: tunnel }\nagents: { local: {} }\nrules:\n'
  const text = `${head}${rules.join('\n')}\n  - { id: no, hosts: ["*.test"], effect: deny }\n`
  const start = performance.now()
  const findings = await found(text)
  t.comment(`${Math.round(performance.now() - start)} ms`)
  t.equal(findings.filter(({ code }) => code === 'always-denied').length, 400)
})
