/**
 * What no other domain is about, until a policy declares its own types: any request, and reading, writing, deleting and
 * running anything. It refuses nothing beyond types that it does not know and facts that are missing.
 */
import type { ActionType, DomainConfig, RiskLevel } from '../domain.ts'
import { domainOf } from './check.ts'
import { generalTemplates } from './templates/general.ts'

const action = (
  name: string,
  category: string,
  riskLevel: RiskLevel,
  description: string,
): ActionType => ({
  ...{ name, category, riskLevel, description },
  requiresHumanApproval: false,
  requires: [],
})

const config: DomainConfig = {
  name: 'general',
  version: '1',
  description: 'Any request, as far as nobody says more about it.',
  actors: [
    { name: 'act_agent', description: 'A program that acts by itself' },
    { name: 'act_human', description: 'A person' },
    { name: 'act_system', description: 'A program that follows fixed steps' },
  ],
  actions: [
    action('axn_request', 'request', 1, 'Send a request'),
    action('axn_read', 'read', 1, 'Read'),
    action('axn_write', 'write', 2, 'Write'),
    action('axn_delete', 'delete', 3, 'Delete'),
    action('axn_execute', 'execute', 3, 'Run something'),
  ],
  resources: [
    { name: 'res_any', description: 'Anything', sensitivity: 'internal' },
    { name: 'res_api', description: 'An interface of others', sensitivity: 'public' },
    { name: 'res_file', description: 'A file', sensitivity: 'internal' },
    { name: 'res_record', description: 'A record of a database', sensitivity: 'confidential' },
    { name: 'res_secret', description: 'A credential or a key', sensitivity: 'secret' },
  ],
  frameworks: ['soc-2', 'iso-27001', 'nist-800-53', 'gdpr'],
  riskModels: [],
  parameters: [],
}

export const generalDomain = domainOf({
  config,
  checks: [],
  templates: generalTemplates,
  controls: ['soc-2/CC6.1', 'iso-27001/A.5.15', 'nist-800-53/AC-3', 'nist-800-53/AU-12'],
  controlsByAction: new Map([
    ['axn_write', ['iso-27001/A.5.14']],
    ['axn_delete', ['soc-2/CC6.3']],
    ['axn_execute', ['nist-800-53/AC-6']],
  ]),
})
