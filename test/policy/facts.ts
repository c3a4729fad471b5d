/** Makes the policies and requests of this room's tests. */
import type { RequestFacts } from '../../kernel/request.ts'
import type { Principal } from '../../kernel/scope.ts'
import { type CompiledPolicy, formatProblem, loadPolicy } from '../../policy/load.ts'

export const local: Principal = {
  agent: 'local',
  run: 'default',
  tenant: null,
  project: null,
  actor: null,
  key: null,
}

/** A plain GET to http://example.com/ by the agent `local`, changed as asked. */
export function request(changes: Partial<RequestFacts> = {}): RequestFacts {
  return {
    id: 'boot-1',
    principal: local,
    kind: 'request',
    method: 'GET',
    scheme: 'http',
    host: 'example.com',
    port: 80,
    path: '/',
    query: '',
    headers: {},
    content: null,
    ...changes,
  }
}

/** An opaque tunnel to port 443. */
export function tunnel(changes: Partial<RequestFacts> = {}): RequestFacts {
  return request({
    kind: 'tunnel',
    method: 'CONNECT',
    scheme: 'https',
    port: 443,
    path: '',
    ...changes,
  })
}

/** The problems or warnings of a text, one a line, as they are printed. */
export async function spoken(text: string): Promise<readonly string[]> {
  const loaded = await loadPolicy({ name: 'policies.yaml', text })
  return ('problems' in loaded ? loaded.problems : loaded.warnings).map(formatProblem)
}

/** Compiles a text that has no problems. */
export async function policyOf(text: string): Promise<CompiledPolicy> {
  const loaded = await loadPolicy({ name: 'policies.yaml', text })
  if ('policy' in loaded) return loaded.policy
  throw new Error(loaded.problems.map(formatProblem).join('\n'))
}

/** A policy of the given rules, with tunnels let through and the agents that the tests speak of. */
export function withRules(rules: string, rest = ''): string {
  return `version: 1
defaults: { tls: tunnel }
agents:
  local: {}
  other: { tenant: acme, project: web, actor: alice }
rules:
${rules}
${rest}`
}

/** A small policy with something of everything, for tests that change one thing in it. */
export const base = `version: 1
mode: enforce
defaults: { verdict: deny, tls: tunnel }
agents:
  local: {}
  other: { tokens: ["sha256:${'a'.repeat(64)}"] }
rules:
  - id: a
    hosts: [a.test, "*.b.test"]
    methods: [GET, HEAD]
    ports: [80]
    charge: { risk: 1, effort: 2 }
    when: agent.name == "local"
    effect: allow
budgets:
  - id: b
    scope: run
    limits: { requests: 5, wall: 1h }
`
