/** The domains that come with the gate: each declares itself soundly, and is found by its name. */
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { actorDefault, type DomainCall, type ParameterValue } from '../../../kernel/domain.ts'
import { builtinDomains } from '../../../kernel/domains/index.ts'
import { judgeCall } from '../../../kernel/judge.ts'
import { readConfig } from '../../../kernel/plugin-config.ts'

const names = [
  'ai',
  'finance',
  'healthcare',
  'defense',
  'automotive',
  'supply_chain',
  'energy',
  'general',
]

test('eight domains come with the gate', (t) => {
  t.same([...builtinDomains.keys()], names)
  const text = readFileSync('docs/policy.md', 'utf8')
  for (const name of names) t.ok(text.includes(`\`${name}\``), `docs/policy.md names ${name}`)
  t.end()
})

test('what a domain declares is sound, and read as it stands', (t) => {
  for (const [name, { config }] of builtinDomains) {
    t.same(readConfig(config), config, name)
    t.ok(
      config.actors.some((actor) => actor.name === actorDefault),
      `${name} knows an agent of no other type`,
    )
  }
  t.end()
})

/** A call that states nothing but what it is. */
function bare(action: string, parameters: DomainCall['parameters']): DomainCall {
  return {
    ...{ actor: actorDefault, action, resource: '', resourceId: '', context: {}, facts: {} },
    ...{ agent: 'local', run: 'default', tenant: '', project: '', method: 'POST' },
    ...{ host: 'a.test', path: '/', at: 1_700_000_000_000, proofs: [], parameters },
  }
}

test('every action of every domain is judged, and no plugin fails on a call that states nothing', (t) => {
  for (const [name, plugin] of builtinDomains) {
    const parameters: Record<string, ParameterValue> = {}
    for (const each of plugin.config.parameters) parameters[each.name] = each.fallback
    for (const action of plugin.config.actions) {
      const call = bare(action.name, parameters)
      const judgement = judgeCall({ plugin, origin: 'builtin', parameters }, call, () => 0)
      const codes = judgement.violations.map(({ code }) => code)
      t.notOk(codes.includes('plugin-failed'), `${name} ${action.name}: ${codes.join(' ')}`)
      t.equal(judgement.riskLevel, action.riskLevel)
    }
  }
  t.end()
})
