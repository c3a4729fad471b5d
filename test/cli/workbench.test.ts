/** The workbench's commands as a person types them: what they print, and with which code they end. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { type Test, test } from 'tap'
import { explainFailure } from '../../cli/exit.ts'
import { type InitContext, init, listTemplates } from '../../cli/init.ts'
import { addWorkbench } from '../../cli/workbench.ts'
import type { DomainPlugin } from '../../kernel/domain.ts'
import { makeDirectory } from '../e2e/world.ts'
import { compiled, GateWorld, policyText } from '../gate/world.ts'
import { dataOf, decideMany } from './workbench-ledger.ts'

interface Ran {
  readonly code: number
  readonly output: string
}

/** Runs one command line in this process; what a command prints and explains is kept. */
async function haltgate(t: Test, ...words: readonly string[]): Promise<Ran> {
  const heard: string[] = []
  let code = -1
  const finish = async (work: Promise<number>): Promise<void> => {
    code = await work.catch((error: unknown) => {
      return explainFailure(error, (text) => void heard.push(text))
    })
  }
  const program = new Command('haltgate').exitOverride()
  addWorkbench(program.command('policy'), program, finish)
  const printed = t.capture(process.stdout, 'write')
  await program.parseAsync(['node', 'haltgate', ...words])
  for (const { args } of printed()) heard.push(String(args[0]))
  printed.restore()
  return { code, output: heard.join('') }
}

const good = `version: 1
defaults: { tls: tunnel }
agents:
  local: {}
rules:
  - id: open
    hosts: [a.test]
    methods: [GET, CONNECT]
    effect: allow
  - id: idea
    state: draft
    hosts: [b.test]
    effect: allow
`

function place(t: Test, text: string): string {
  const file = join(makeDirectory(t), 'policies.yaml')
  writeFileSync(file, text)
  return file
}

test('lint ends with 0 where it finds nothing, and with 1 and each finding where it does', async (t) => {
  const file = place(t, good)
  t.match(await haltgate(t, 'policy', 'lint', file), { code: 0, output: /nothing found/ })
  writeFileSync(file, good.replace('hosts: [b.test]', 'hosts: [a.test]'))
  const found = await haltgate(t, 'policy', 'lint', file)
  t.match(found, { code: 1, output: /:10:5: draft-idle \(idea\): / })
  t.match(found.output, /haltgate policy explain --agent local CONNECT 'a\.test:443'/)
  const json = await haltgate(t, 'policy', 'lint', '--json', '--policy', file)
  t.match(JSON.parse(json.output), { ok: false, findings: [{ code: 'draft-idle', line: 10 }] })
  t.match(await haltgate(t, 'policy', 'lint', `${file}x`), { code: 2, output: /cannot be read/ })
})

const cases = `policy: policies.yaml
cases:
  - { name: reads, agent: local, method: GET, url: "http://a.test/", expect: allow, rules: [open] }
  - { name: sees tunnels, agent: local, method: GET, url: "https://a.test/", expect: allow }
  - { name: refuses, agent: local, method: PUT, url: "http://a.test/", expect: deny, reason: no-rule }
`

test('test ends with 0 where all cases pass and enough rules are reached', async (t) => {
  const file = place(t, good)
  const suite = join(file, '..', 'cases.yaml')
  writeFileSync(suite, cases)
  const passed = await haltgate(t, 'policy', 'test', suite)
  t.match(passed, { code: 0, output: /3 of 3 cases pass/ })
  t.match(passed.output, /1 of 2 rules reached \(50 %\)\n {2}no case reaches idea/)
  const covered = await haltgate(t, 'policy', 'test', '--min-coverage', '51', suite)
  t.match(covered, { code: 1, output: /50 %, wanted 51 %/ })
  t.match(await haltgate(t, 'policy', 'test', '--min-coverage', '101', suite), { code: 2 })
  writeFileSync(suite, cases.replace('expect: allow, rules', 'expect: deny, rules'))
  const failed = await haltgate(t, 'policy', 'test', suite)
  t.match(failed, { code: 1, output: /FAIL.* reads\n.*cases\.yaml:3: expected deny/ })
  const json = await haltgate(t, 'policy', 'test', '--json', suite)
  t.match(JSON.parse(json.output), { ok: false, results: [{ passed: false }, {}, {}] })
  writeFileSync(suite, cases.replace('agent: local', 'agent: nobody').replace('//a', '/:a'))
  const odd = await haltgate(t, 'policy', 'test', suite)
  t.match(odd, { code: 1, output: /declares no agent 'nobody'/ }, 'a case fails by itself')
  writeFileSync(suite, 'cases: 7\n')
  t.match(await haltgate(t, 'policy', 'test', suite), { code: 1, output: /`cases` is a list/ })
  t.match(await haltgate(t, 'policy', 'test', `${suite}x`), { code: 2 })
})

test('a body is read as the decoder of the rule reads it', async (t) => {
  const rule = `${good.replace('tunnel', 'inspect')}  - id: small
    hosts: [c.test]
    methods: [POST]
    decoder: json
    when: body.n < 10
    effect: allow
`
  const file = place(t, rule)
  const suite = join(file, '..', 'cases.yaml')
  const one = '{ agent: local, method: POST, url: "https://c.test/", '
  writeFileSync(
    suite,
    `policy: policies.yaml
cases:
  - ${one} name: small, body: { n: 1 }, expect: allow, rules: [small] }
  - ${one} name: large, body: '{"n": 11}', expect: deny, reason: no-rule }
  - ${one} name: none, body: 'n=1', expect: deny }
`,
  )
  t.match(await haltgate(t, 'policy', 'test', suite), { code: 0, output: /3 of 3/ })
})

test('diff ends with 0 where both mean the same, and with 1 where they do not', async (t) => {
  const [one, two] = [place(t, good), place(t, `# Another comment.\n${good}`)]
  t.match(await haltgate(t, 'policy', 'diff', one, two), { code: 0, output: /mean the same/ })
  writeFileSync(two, good.replace('methods: [GET, CONNECT]', 'methods: [GET, PUT, CONNECT]'))
  const found = await haltgate(t, 'policy', 'diff', one, two)
  t.match(found, { code: 1, output: /~ rule open\n.*methods: .*\n.*loosens: it may let pass/ })
  const json = await haltgate(t, 'policy', 'diff', '--json', one, two)
  t.match(JSON.parse(json.output), { same: false, entries: [{ id: 'open', change: 'changed' }] })
  writeFileSync(two, good.replace('mode', 'mood').replace('effect', 'effekt'))
  t.match(await haltgate(t, 'policy', 'diff', one, two), { code: 1, output: /effekt/ })
})

test('state changes one entry of the file, or nothing', async (t) => {
  const file = place(t, good)
  const state = (...words: readonly string[]): Promise<Ran> => {
    return haltgate(t, 'policy', 'state', '--policy', file, ...words)
  }
  const done = await state('idea', 'active', '--reason', 'tried for a week')
  t.match(done, { code: 0, output: /rule idea: draft -> active; a reload puts it into force/ })
  const text = readFileSync(file, 'utf8')
  t.equal(text, good.replace('state: draft', 'state: active # tried for a week'))
  t.match(await state('idea', 'asleep', '--reason', 'x'), { code: 2, output: /a state is one of/ })
  t.match(await state('idea', 'retired', '--json', '--reason', 'over'), { code: 0 })
  t.match(await state('idea', 'active', '--reason', 'back'), { code: 2, output: /for good/ })
  t.match(await state('nobody', 'active', '--reason', 'x'), { code: 2 })
  writeFileSync(file, `${good}  - { id: open }\n`)
  t.match(await state('open', 'draft', '--reason', 'x'), { code: 1 }, 'a file that does not load')
})

test('suggest prints drafts that load, and says where there is nothing to suggest', async (t) => {
  const world = new GateWorld()
  t.teardown(() => world.place.remove())
  await world.open(await compiled(policyText()))
  await decideMany(world, 120)
  await world.close()
  const from = ['--from', dataOf(world)]
  const seen = await haltgate(t, 'policy', 'suggest', ...from)
  t.match(seen, { code: 0, output: /state: draft/ })
  t.match(seen.output, /slow\.example\.com/)
  t.match(seen.output, /\/items\/\*/)
  await compiled(seen.output)
  const denied = await haltgate(t, 'policy', 'suggest', ...from, '--denied', '--agent', 'b')
  t.match(denied, { code: 0, output: /unknown\.example\.com/ })
  t.notMatch(denied.output, /slow\.example\.com/)
  t.match(await haltgate(t, 'policy', 'suggest', ...from, '--agent', 'nobody'), { code: 1 })
  t.match(await haltgate(t, 'policy', 'suggest', '--from', '/nowhere'), { code: 74 })
  const simulated = await haltgate(
    t,
    'policy',
    'simulate',
    place(t, good),
    '--against',
    from[1] ?? '',
  )
  t.match(simulated, { code: 0, output: /120 decisions/ })
  const odd = ['policy', 'simulate', '--against', from[1] ?? '', '--from', 'x', place(t, good)]
  t.match(await haltgate(t, ...odd), { code: 2, output: /--from is a whole number/ })
})

const plugin = (names: readonly string[]): DomainPlugin =>
  ({
    policyTemplates: () => names.map((name) => ({ name, description: `for ${name}`, text: good })),
  }) as Partial<DomainPlugin> as DomainPlugin

test('init writes a template where no file is, and never over one', (t) => {
  const policyFile = join(makeDirectory(t), 'policies.yaml')
  let printed = ''
  const context: InitContext = {
    policyFile,
    domains: new Map([
      ['general', plugin(['deny_by_default', 'other'])],
      ['finance', plugin(['position_limits'])],
    ]),
    json: false,
    print: (text) => {
      printed = text
    },
  }
  t.equal(listTemplates(context), 0)
  t.match(printed, /finance +position_limits +for position_limits/)
  const none = { domain: null, template: null }
  t.equal(init(context, none), 0)
  t.match(printed, /the template deny_by_default of the domain general/)
  t.equal(readFileSync(policyFile, 'utf8'), good)
  writeFileSync(policyFile, 'mine')
  t.throws(() => init(context, none), { message: /is there already, and stays/ })
  t.equal(readFileSync(policyFile, 'utf8'), 'mine')
  const fresh = { ...context, policyFile: `${policyFile}.new`, json: true }
  init(fresh, { domain: null, template: 'position_limits' })
  t.match(JSON.parse(printed), { domain: 'finance', template: 'position_limits' })
  t.throws(() => init(fresh, { domain: 'fnance', template: null }), { message: /no domain/ })
  t.throws(() => init(fresh, { domain: 'finance', template: 'position_limit' }), {
    message: /did you mean "position_limits"/,
  })
  t.end()
})
