/** What `haltgate domains new` writes: a plugin that works as it stands, and a test of it that passes. */

/** The plugin: a plain script, which is what `--plugin` loads. */
export function pluginText(name: string): string {
  return script.replaceAll('NAME', name)
}

const script = `// The domain NAME: loaded with \`haltgate start --plugin ./NAME.js\`.
// A plain script: no imports, no clock, no chance, no timers. What it is asked and answers is JSON.
// Whatever it says only makes a verdict stricter; if it throws or takes longer than 250 ms, it has denied.
'use strict'

const config = {
  name: 'NAME',
  version: '1',
  description: 'What this domain is about.',
  actors: [{ name: 'act_agent', description: 'A program that acts by itself' }],
  actions: [
    {
      name: 'axn_ship',
      description: 'Ship goods',
      category: 'order',
      riskLevel: 3,
      requiresHumanApproval: false,
      // Facts without which it is refused: the rule's \`context\` gives them.
      requires: ['weight'],
    },
  ],
  resources: [{ name: 'res_parcel', description: 'A parcel', sensitivity: 'internal' }],
  frameworks: [],
  riskModels: [],
  // What a policy may set under \`domains.NAME\`.
  parameters: [
    { name: 'weight_max', kind: 'integer', description: 'Kilograms of one parcel', fallback: 30 },
  ],
}

// Everything that speaks against a call, and the names of the checks that applied to it.
function validate(call) {
  const { weight } = call.context
  const checks = ['weight']
  if (Number.isInteger(weight) && weight >= 0 && weight <= call.parameters.weight_max) {
    return { violations: [], checks }
  }
  const violation = {
    code: 'weight',
    severity: 'high',
    verdict: 'deny', // warn, approve, deny or halt
    message: 'The parcel is too heavy, or nobody says how heavy it is.',
    recommendation: 'Send several parcels.',
  }
  return { violations: [violation], checks }
}

// Facts that follow from the call; they are added to its context, and recorded.
function enrich() {
  return {}
}

// What an admitted call costs beside its rule's charge, and what is remembered of it.
function afterDecision(call) {
  return { charge: { parcels: 1 }, marks: [] }
}

// Whole policies that show how it is used.
function policyTemplates() {
  return []
}

// Ids of controls, such as 'soc-2/CC6.1', that a decision about this action bears evidence for.
function complianceMappings(action) {
  return []
}

module.exports = {
  config,
  validate,
  enrich,
  afterDecision,
  policyTemplates,
  complianceMappings,
}
`

/** Its test, which needs nothing but Node: `node --test`. */
export function pluginTestText(name: string): string {
  return tests.replaceAll('NAME', name)
}

const tests = `// Tests the domain NAME: \`node --test NAME.test.mjs\`.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'

const file = new URL('./NAME.js', import.meta.url)
const script = \`(module) => {\${readFileSync(file, 'utf8')}\\nreturn JSON.stringify(module.exports[verb](JSON.parse(input)))}\`

/** Asks one verb as the gate does: JSON in, JSON out. */
function ask(verb, input) {
  const answer = runInNewContext(script, { verb, input: JSON.stringify(input) })({ exports: {} })
  return JSON.parse(answer)
}

const call = {
  actor: 'act_agent',
  action: 'axn_ship',
  resource: 'res_parcel',
  resourceId: '1',
  context: { weight: 10 },
  facts: {},
  agent: 'local',
  run: 'default',
  tenant: '',
  project: '',
  method: 'POST',
  host: 'carrier.example.com',
  path: '/parcels',
  at: 1_700_000_000_000,
  proofs: [],
  parameters: { weight_max: 30 },
}

test('a parcel that is light enough is shipped', () => {
  assert.deepEqual(ask('validate', call).violations, [])
  assert.deepEqual(ask('afterDecision', call).charge, { parcels: 1 })
})

test('a parcel that is too heavy, or of unknown weight, is not', () => {
  for (const weight of [31, -1, 'heavy', undefined]) {
    const { violations } = ask('validate', { ...call, context: { weight } })
    assert.deepEqual(violations.map(({ code, verdict }) => [code, verdict]), [['weight', 'deny']])
  }
})
`
