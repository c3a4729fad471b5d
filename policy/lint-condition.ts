/** Reads of a condition what can be known without a request: that it is constant, or contradicts its own targets. */
import type { RequestFacts } from '../kernel/request.ts'
import { type Expression, Subject } from './expression.ts'
import { meansHost } from './lint-request.ts'
import type { TargetSource } from './source.ts'

const variable = /\b(request|agent|run|facts|body)\b/

/** Nobody's request: what reads no variable has the same value for every one. */
const nothing: RequestFacts = {
  id: 'lint',
  principal: { agent: 'lint', run: 'default', tenant: null, project: null, actor: null, key: null },
  kind: 'request',
  method: 'GET',
  scheme: 'http',
  host: 'unnamed.example',
  port: 80,
  path: '/',
  query: '',
  headers: {},
  content: null,
}

/** The value of a condition that reads nothing; null for any other. */
export function constancyOf(when: Expression): boolean | null {
  const bare = when.text.replaceAll(/"[^"]*"|'[^']*'/g, '""')
  if (variable.test(bare)) return null
  const outcome = when.evaluate(new Subject(nothing))
  return outcome.ok && typeof outcome.value === 'boolean' ? outcome.value : null
}

/** Why a condition can never be met where the targets match; null where it may be, or nobody can say. */
export function contradictionOf(target: TargetSource): string | null {
  // Only what must all hold can contradict: alternatives and negations are left alone.
  if (/\|\||\?|!\s*\(|\b(has|all|exists|filter|map)\b/.test(target.when)) return null
  const equalities = target.when.matchAll(
    /(?<![!\w.])(request\.(?:method|host|port|scheme)|agent\.(?:name|tenant))\s*==\s*(?:["']([^"'\\]*)["']|(\d+))/g,
  )
  for (const [, member = '', text, digits] of equalities) {
    const value = text ?? digits ?? ''
    if (!mayBe(target, member, value)) return `\`${member}\` is never "${value}" here`
  }
  return null
}

function mayBe(target: TargetSource, member: string, value: string): boolean {
  const isOf = (list: readonly (string | number)[]): boolean => {
    return list.length === 0 || list.map(String).includes(value)
  }
  switch (member) {
    case 'request.method':
      return isOf(target.methods) && value === value.toUpperCase()
    case 'request.host':
      return meansHost(target.hosts, value) && value === value.toLowerCase()
    case 'request.port':
      return isOf(target.ports)
    case 'request.scheme':
      return value === 'http' || value === 'https'
    case 'agent.name':
      return isOf(target.agents)
    default:
      return isOf(target.tenants)
  }
}
