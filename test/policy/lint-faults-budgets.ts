/** Policies whose fault is in their budgets, prices or domains, one each. */
import { type Faulty, head, inspect, open, team, withBudget } from './lint-fault.ts'

export const budgetFaults: readonly Faulty[] = [
  {
    title: 'a model that is allowed and not priced',
    text: `${inspect}  - { id: odd, hosts: [b.test], decoder: openai, when: 'facts.model in ["gpt-4o", "nobodys-model"]', effect: allow }\n`,
    ...{ code: 'unpriced-model', line: 6, ids: ['odd'] },
  },
  {
    title: 'a model that costs nothing, and a budget of dollars',
    text: withBudget(
      '  - { id: usd, scope: run, limits: { cost_usd: 5 } }',
      `${inspect}  - { id: models, hosts: [b.test], decoder: openai, effect: allow }
prices: { unpriced: { input: 0, output: 0 } }
`,
    ),
    ...{ code: 'free-model', line: 7, ids: [] },
  },
  {
    title: 'a run that may spend more than its agent',
    text: withBudget(`  - { id: agent, scope: agent, limits: { bytes_up: 1MiB } }
  - { id: run, scope: run, limits: { bytes_up: 2MiB } }`),
    ...{ code: 'child-above-parent', line: 9, ids: ['run', 'agent'] },
  },
  {
    title: 'a project that may do more in a day than its tenant in a month',
    text: withBudget(
      `  - { id: project, scope: project, period: day, limits: { requests: 500 } }
  - { id: tenant, scope: tenant, period: month, limits: { requests: 400 } }`,
      team,
    ),
    ...{ code: 'child-above-parent', line: 7, ids: ['project', 'tenant'] },
    example: 'ann CONNECT unnamed.example:443',
  },
  {
    title: 'an hour that ends before its minute',
    text: withBudget(`  - { id: minute, scope: agent, window: 1m, limits: { requests: 70 } }
  - { id: hour, scope: agent, window: 1h, limits: { requests: 60 } }`),
    ...{ code: 'limit-never-reached', line: 8, ids: ['minute', 'hour'] },
  },
  {
    title: 'dollars that nobody spends',
    text: withBudget('  - { id: usd, scope: run, limits: { cost_usd: 5 } }'),
    ...{ code: 'uncharged-dimension', line: 8, ids: ['usd'] },
  },
  {
    title: 'a charge on another host than the budget counts',
    text: withBudget(
      '  - { id: risky, hosts: [a.test], scope: run, limits: { risk: 5 } }',
      `${head}${open}  - { id: other, hosts: [c.test], charge: { risk: 1 }, effect: allow }\n`,
    ),
    ...{ code: 'uncharged-dimension', line: 9, ids: ['risky'] },
  },
  {
    title: 'a budget for each project of agents that have none',
    text: withBudget(
      '  - { id: odd, agents: [bob], scope: project, limits: { requests: 5 } }',
      team,
    ),
    ...{
      code: 'budget-never-applies',
      line: 7,
      ids: ['odd'],
      example: 'bob CONNECT unnamed.example:443',
    },
  },
  {
    title: 'a budget for a host that nobody may reach',
    text: withBudget('  - { id: odd, hosts: [b.test], scope: run, limits: { requests: 5 } }'),
    ...{ code: 'budget-never-applies', line: 8, ids: ['odd'], example: 'local CONNECT b.test:443' },
  },
  {
    title: 'a limit of nothing',
    text: withBudget('  - { id: odd, scope: run, limits: { requests: 0 } }'),
    ...{ code: 'budget-allows-nothing', line: 8, ids: ['odd'] },
  },
  {
    title: 'a charge beyond the limit',
    text: withBudget(
      '  - { id: risky, scope: run, limits: { risk: 10 } }',
      `${head}  - { id: open, hosts: [a.test], charge: { risk: 11 }, effect: allow }\n`,
    ),
    ...{ code: 'charge-above-limit', line: 6, ids: ['open', 'risky'] },
    example: 'local CONNECT a.test:443',
  },
  {
    title: 'a budget that neither refuses nor tells',
    text: withBudget(
      '  - { id: odd, scope: run, limits: { requests: 5 }, tiers: [], on_limit: continue }',
    ),
    ...{ code: 'budget-does-nothing', line: 8, ids: ['odd'] },
  },
  {
    title: 'tiers out of order',
    text: withBudget('  - { id: odd, scope: run, limits: { requests: 5 }, tiers: [90, 50] }'),
    ...{ code: 'tiers-out-of-order', line: 8, ids: [] },
  },
  {
    title: 'an action that its domain does not know',
    text: `${inspect}  - { id: odd, hosts: [b.test], ports: [80], domain: finance, action: axn_gamble, effect: allow }\n`,
    ...{ code: 'unknown-type', line: 6, ids: [] },
  },
  {
    title: 'a domain without an action',
    text: `${inspect}  - { id: odd, hosts: [b.test], ports: [80], domain: ai, effect: allow }\n`,
    ...{ code: 'unknown-type', line: 6, ids: ['odd'], example: 'local GET http://b.test/' },
  },
  {
    title: 'an order whose value nobody says',
    text: `${inspect.replace('{ }', '{ type: act_trading_agent }')}  - { id: odd, hosts: [b.test], ports: [80], methods: [POST], domain: finance, action: axn_place_order, resource: "res_security:A", effect: allow }\n`,
    ...{ code: 'missing-facts', line: 6, ids: ['odd'], example: 'local POST http://b.test/' },
  },
  {
    title: 'a file that does not load',
    text: `${head}  - { id: odd, effekt: allow }\n`,
    ...{ code: 'invalid', line: 6, ids: [] },
  },
]
