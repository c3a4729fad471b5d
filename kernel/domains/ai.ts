/** What an agent does with models, tools and stored data: which of them it may use, and what the text it sends looks like. */
import type { FactMap } from '../content.ts'
import type { ActionType, DomainCall, DomainConfig, DomainEffects, Violation } from '../domain.ts'
import {
  type Check,
  caution,
  count,
  domainOf,
  factsMissing,
  integerParameter,
  isGiven,
  isNamed,
  names,
  noEffects,
  on,
  refusal,
  text,
  textsParameter,
  whereGiven,
} from './check.ts'
import { contentRisk } from './content-risk.ts'
import { aiTemplates } from './templates/ai.ts'

/** An action, which needs no person and no facts unless it says so. */
const action = (
  name: string,
  terms: Pick<ActionType, 'category' | 'riskLevel' | 'description'> & Partial<ActionType>,
): ActionType => ({ requiresHumanApproval: false, requires: [], ...terms, name })

const config: DomainConfig = {
  name: 'ai',
  version: '1',
  description: 'Calls of models and tools, and what agents read, write and delete.',
  actors: [
    { name: 'act_agent', description: 'A program that acts by itself' },
    { name: 'act_orchestrator', description: 'An agent that gives work to others' },
    { name: 'act_sub_agent', description: 'An agent that was given work by another' },
    { name: 'act_assistant', description: 'An agent that a person talks with' },
  ],
  actions: [
    action('axn_execute_tool', {
      description: 'Run a tool; the facts tool or mcp_tool, or the resource, say which',
      category: 'execute',
      riskLevel: 3,
    }),
    action('axn_call_model', {
      description: 'Call a model, which may be offered tools',
      category: 'model',
      riskLevel: 2,
      requires: ['model'],
    }),
    action('axn_read', { description: 'Read data', category: 'read', riskLevel: 1 }),
    action('axn_write', { description: 'Write data', category: 'write', riskLevel: 3 }),
    action('axn_delete', {
      description: 'Delete data, once a person agrees',
      category: 'delete',
      riskLevel: 4,
      requiresHumanApproval: true,
    }),
  ],
  resources: [
    { name: 'res_tool', description: 'A tool, by its name', sensitivity: 'internal' },
    { name: 'res_model', description: 'A model, by its name', sensitivity: 'internal' },
    { name: 'res_api', description: 'An interface of others', sensitivity: 'public' },
    { name: 'res_memory', description: 'What an agent remembers', sensitivity: 'confidential' },
    { name: 'res_prompt', description: 'Instructions of an agent', sensitivity: 'confidential' },
    { name: 'res_file', description: 'A file', sensitivity: 'internal' },
    { name: 'res_dataset', description: 'Data in rows or documents', sensitivity: 'confidential' },
  ],
  frameworks: ['eu-ai-act', 'iso-42001', 'nist-ai-rmf', 'soc-2', 'nist-800-53'],
  riskModels: [
    {
      name: 'content',
      description:
        'Each pattern of prompt injection or leak that the fact content shows has a weight in milli-risk; their sum, 1,000 at most, is charged to the dimension risk.',
    },
  ],
  parameters: [
    {
      name: 'models',
      kind: 'texts',
      description: 'Models that may be called: names, or beginnings that end with *',
      fallback: ['*'],
    },
    {
      name: 'tools',
      kind: 'texts',
      description: 'Tools that may be run or offered to a model: names, or beginnings',
      fallback: ['*'],
    },
    {
      name: 'tools_denied',
      kind: 'texts',
      description: 'Tools that may be neither run nor offered, whatever their case',
      fallback: [],
    },
    {
      name: 'tools_offered_max',
      kind: 'integer',
      description: 'Tools that one call of a model may offer, in all',
      fallback: 128,
    },
    {
      name: 'arguments_max',
      kind: 'integer',
      description: 'The fact arguments_size at most, in the unit that the rule measures it',
      fallback: 65_536,
    },
    {
      name: 'content_max',
      kind: 'integer',
      description: 'Characters of the fact content at most',
      fallback: 65_536,
    },
    {
      name: 'risk_warn',
      kind: 'integer',
      description: 'From this risk of the content on it is warned, in milli-risk',
      fallback: 300,
    },
    {
      name: 'risk_deny',
      kind: 'integer',
      description: 'From this risk of the content on it is denied, in milli-risk',
      fallback: 700,
    },
  ],
}

/** The name that the resource gives, where it is of this type. */
const named = (call: DomainCall, resource: string): string | null =>
  call.resource === resource && call.resourceId !== '' ? call.resourceId : null

/** Why none of these tools may be used; null where all may. */
function toolsRefused(
  call: DomainCall,
  tools: readonly string[],
  code: 'tool-not-allowed' | 'offered-tool-not-allowed',
): Violation | null {
  const denied = textsParameter(call, 'tools_denied').map((pattern) => pattern.toLowerCase())
  const allowed = textsParameter(call, 'tools')
  const isUsable = (tool: string): boolean =>
    isNamed(tool, allowed) && !isNamed(tool.toLowerCase(), denied)
  if (tools.every(isUsable)) return null
  return refusal({
    code,
    message:
      code === 'tool-not-allowed'
        ? 'The policy does not allow this tool.'
        : 'The call offers the model a tool that the policy does not allow.',
    recommendation: 'Use tools that the domain ai of the policy names under tools.',
  })
}

/** MCP says a method with each message: any but this one runs no tool. */
const runsTool = (call: DomainCall): boolean =>
  (text(call, 'mcp_method') ?? 'tools/call') === 'tools/call'

const toolNamed: Check = {
  name: 'tool-named',
  applies: (call) => on('axn_execute_tool')(call) && runsTool(call),
  against: (call) => {
    const isSaid = call.resourceId !== '' || whereGiven('tool', 'mcp_tool', 'model')(call)
    return isSaid ? null : factsMissing(['tool'])
  },
}

const toolAllowed: Check = {
  name: 'tool-allowed',
  applies: (call) => whereGiven('tool', 'mcp_tool')(call) || named(call, 'res_tool') !== null,
  against: (call) => {
    const facts = ['tool', 'mcp_tool'].filter((name) => isGiven(call, name))
    const tools = facts.map((name) => text(call, name))
    if (tools.includes(null)) return factsMissing(facts)
    const all = [...tools, named(call, 'res_tool')].filter((tool) => tool !== null)
    return toolsRefused(call, all, 'tool-not-allowed')
  },
}

const modelAllowed: Check = {
  name: 'model-allowed',
  applies: (call) =>
    on('axn_call_model')(call) || isGiven(call, 'model') || named(call, 'res_model') !== null,
  against: (call) => {
    const model = text(call, 'model')
    if (model === null && (on('axn_call_model')(call) || isGiven(call, 'model'))) {
      return factsMissing(['model'])
    }
    const all = [model, named(call, 'res_model')].filter((name) => name !== null)
    const models = textsParameter(call, 'models')
    if (all.every((name) => isNamed(name, models))) return null
    return refusal({
      code: 'model-not-allowed',
      message: 'The policy does not allow this model.',
      recommendation: 'Call a model that the domain ai of the policy names under models.',
    })
  },
}

const toolsOffered: Check = {
  name: 'tools-offered',
  applies: whereGiven('tools'),
  against: (call) => {
    const tools = names(call, 'tools')
    if (tools === null) return factsMissing(['tools'])
    const most = integerParameter(call, 'tools_offered_max')
    if (tools.length <= most) return toolsRefused(call, tools, 'offered-tool-not-allowed')
    return refusal({
      code: 'too-many-tools',
      message: `The call offers the model more than ${most} tools.`,
      recommendation: 'Offer the tools that this step needs.',
    })
  },
}

const argumentsSize: Check = {
  name: 'arguments-size',
  applies: whereGiven('arguments_size'),
  against: (call) => {
    const size = count(call, 'arguments_size')
    if (size === null) return factsMissing(['arguments_size'])
    const most = integerParameter(call, 'arguments_max')
    if (size <= most) return null
    return refusal({
      code: 'arguments-too-large',
      message: `The arguments of the tool are larger than ${most}.`,
      recommendation: 'Send less in one call.',
      severity: 'medium',
    })
  },
}

/** The content, if it is short enough to be looked through. */
function readable(call: DomainCall): string | null {
  const value = text(call, 'content')
  const most = integerParameter(call, 'content_max')
  return value === null || value.length > most ? null : value
}

/**
 * Looks the content through once, before all checks. A rule cannot state these facts instead: what a domain adds may
 * not differ from what was said before.
 */
function enrich(call: DomainCall): FactMap {
  const value = readable(call)
  if (value === null) return {}
  const { score, patterns } = contentRisk(value)
  return { content_risk: score, content_patterns: patterns.join(',') }
}

const content: Check = {
  name: 'content',
  applies: whereGiven('content'),
  against: (call) => {
    if (text(call, 'content') === null) return factsMissing(['content'])
    if (readable(call) === null) {
      return refusal({
        code: 'content-too-large',
        message: `The content is longer than ${integerParameter(call, 'content_max')} characters, and is not looked through.`,
        recommendation: 'Send less in one call.',
        severity: 'medium',
      })
    }
    const risk = count(call, 'content_risk')
    if (risk === null) return factsMissing(['content_risk'])
    const patterns = (names(call, 'content_patterns') ?? []).join(', ')
    const objection = {
      code: 'content-risk',
      message: `The content looks like ${patterns}: ${risk} of 1000 milli-risk.`,
      recommendation: 'Take out what is no part of the task, above all instructions of others.',
    }
    if (risk >= integerParameter(call, 'risk_deny')) return refusal(objection)
    return risk >= integerParameter(call, 'risk_warn') ? caution(objection) : null
  },
}

/** The risk of the content, charged beside what the rule charges. */
function effects(call: DomainCall): DomainEffects {
  const risk = count(call, 'content_risk') ?? 0
  return risk === 0 ? noEffects : { charge: { risk }, marks: [] }
}

export const aiDomain = domainOf({
  config,
  checks: [toolNamed, toolAllowed, modelAllowed, toolsOffered, argumentsSize, content],
  enrich,
  effects,
  templates: aiTemplates,
  controls: [
    'eu-ai-act/art-12',
    'eu-ai-act/art-15',
    'eu-ai-act/art-26',
    'iso-42001/A.6.2.8',
    'iso-42001/A.9.4',
    'nist-ai-rmf/MEASURE-2.8',
    'soc-2/CC6.1',
    'nist-800-53/AC-3',
  ],
  controlsByAction: new Map([
    ['axn_execute_tool', ['iso-42001/A.4.4', 'nist-800-53/AC-6', 'nist-800-53/SI-10']],
    ['axn_call_model', ['iso-42001/A.4.4', 'nist-ai-rmf/MEASURE-2.7']],
    ['axn_write', ['nist-800-53/SI-10', 'soc-2/CC6.7']],
    [
      'axn_delete',
      ['eu-ai-act/art-14', 'iso-42001/A.9.2', 'nist-ai-rmf/GOVERN-3.2', 'nist-ai-rmf/MAP-3.5'],
    ],
  ]),
})
