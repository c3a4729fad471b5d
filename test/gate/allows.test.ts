/** The gate's question about what nobody has asked: by rules, without effect. */
import type { Content } from '../../kernel/content.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, type GateWorld, gateTest, policyText } from './world.ts'

const inMemory = (
  budgets = '',
  more: { rules?: string; mode?: string } = {},
): {
  policy: string
  disk: MemoryDisk
} => ({ policy: policyText(budgets, more), disk: new MemoryDisk() })

const rule = (id: string, effect: string, when: string): string =>
  `  - { id: ${id}, hosts: [mcp.example.com], decoder: mcp, effect: ${effect}, when: '${when}' }\n`

/** A call of a tool, as far as it is known before anyone makes it. */
const callOf = (name: string): Content => ({
  decoder: 'mcp',
  body: { method: 'tools/call', params: { name } },
  facts: { mcp_method: 'tools/call', mcp_tool: name, mcp_resource: '', mcp_prompt: '' },
  model: null,
})

function allows(world: GateWorld, name: string, host = 'mcp.example.com'): boolean {
  const facts = world.facts({ host })
  return world.gate.allows({ ...facts, headers: {}, content: callOf(name) })
}

const rules =
  rule('one', 'allow', 'facts.mcp_tool == "one"') +
  rule('two', 'allow', 'facts.mcp_tool == "two" && body.params.arguments.n < 5') +
  rule('no-two', 'deny', 'facts.mcp_tool == "two" && body.params.arguments.n == 3') +
  rule('three', 'warn', 'facts.mcp_tool == "three"') +
  rule('four', 'queue', 'facts.mcp_tool == "four"') +
  rule('five', 'approve', 'facts.mcp_tool == "five"') +
  rule('six', 'halt', 'facts.mcp_tool == "six"') +
  rule('seven', 'allow', 'facts.mcp_tool == "seven"') +
  rule('no-seven', 'deny', 'body.params.name == "seven"') +
  rule('no-eight', 'deny', 'facts.mcp_tool == "eight" && body.params.arguments.n == 3')

gateTest(
  'it is answered by rules: what could be allowed is, and what is denied for sure is not',
  inMemory('', { rules }),
  async (t, world) => {
    for (const [name, expected] of [
      ['one', true],
      ['two', true],
      ['three', true],
      ['four', true],
      ['five', true],
      ['six', false],
      ['seven', false],
      ['eight', false],
      ['nine', false],
    ] as const) {
      t.equal(allows(world, name), expected, name)
    }
    t.equal(allows(world, 'one', 'ok.example.com'), true, 'another host, whole')
    t.equal(allows(world, 'one', 'no.example.com'), false)
  },
)

gateTest(
  'asking moves nothing: no entry, no halt, no charge',
  inMemory(
    `  - id: few
    scope: agent
    period: lifetime
    limits: { requests: 1, refusals: 1 }
    on_limit: kill`,
    { rules },
  ),
  async (t, world) => {
    const before = world.digest
    const entries = world.entries().length
    for (let round = 0; round < 100; round += 1) {
      for (const name of ['one', 'six', 'nine']) allows(world, name)
    }
    await world.quiet()
    t.equal(world.digest, before)
    t.equal(world.entries().length, entries)
    t.strictSame(world.seals, [])
  },
)

gateTest(
  'a budget that is used up hides nothing, and a halt hides all',
  inMemory(
    `  - id: few
    scope: agent
    period: lifetime
    limits: { requests: 1 }
    on_limit: block`,
    { rules },
  ),
  async (t, world) => {
    const passage = await world.admit({ host: 'ok.example.com' })
    t.match(passage, { refused: false })
    t.match(await world.admit({ host: 'ok.example.com' }), { code: 'budget-exhausted' })
    t.equal(allows(world, 'one'), true)
    if (!passage.refused) passage.settle({ outcome: 'voided', actual: {}, status: 0, cut: '' })
    await world.halt('agent:a')
    t.equal(allows(world, 'one'), false)
  },
)

gateTest(
  'an agent that the policy in force does not know may do nothing, and observe mode hides nothing',
  inMemory('', { rules }),
  async (t, world) => {
    await world.load(await compiled(policyText('', { rules, mode: 'observe' })))
    t.equal(allows(world, 'nine'), true)
    const stranger = policyText('', { rules }).replace('  a: { tenant: acme }\n', '')
    await world.load(await compiled(stranger))
    t.equal(allows(world, 'one'), false)
  },
)
