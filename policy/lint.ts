/** Warns of what a valid policy does not do in this version, though its author may believe it. */
import type { ExpressionLanguage } from './expression.ts'
import { readHost } from './host.ts'
import type { Read } from './read-policy.ts'
import type { Reading } from './reading.ts'
import { overridden } from './shadow.ts'
import type { RuleSource } from './source.ts'
import type { Path } from './yaml-text.ts'

const httpsPort = 443

/** Adds warnings to a reading whose rules are known. */
export function lint(read: Read, reading: Reading, language: ExpressionLanguage | null): void {
  lintExpressions(reading, language)
  const { source, rulePaths } = read
  const tunnels = tunnelHosts(source.rules)
  let asksToInspect = false
  source.rules.forEach((rule, index) => {
    const at: At = { rule, path: rulePaths[index] ?? [], reading }
    if (rule.decoder !== '') {
      const message = `this version has no decoder ${rule.decoder}: what this rule matches is refused (inspection-required)`
      reading.warn([...at.path, 'decoder'], message)
    }
    if (rule.state !== 'active' || !speaksOnHttps(rule)) return
    const inspects = (rule.tls || source.defaults.tls) === 'inspect'
    if (rule.effect !== 'allow' && rule.effect !== 'warn') lintRestriction(at, language)
    else if (!inspects && rule.decoder === '') lintAllowance(at, language, tunnels)
    if (inspects && rule.effect !== 'deny' && rule.effect !== 'halt') {
      if (rule.tls === 'inspect') reading.warn([...at.path, 'tls'], cannotInspect)
      else asksToInspect = true
    }
  })
  if (asksToInspect) reading.warn(['defaults', 'tls'], cannotInspect)
  for (const { rule, by } of overridden(source.rules)) {
    const message = `the rule ${by} always overrides this one`
    reading.warn([...(rulePaths[rule] ?? []), 'id'], message)
  }
}

const cannotInspect =
  '`tls: inspect` is more than this version can do: every opaque tunnel is refused (inspection-required); write `tls: tunnel`'

interface At {
  readonly rule: RuleSource
  readonly path: Path
  readonly reading: Reading
}

function lintExpressions(reading: Reading, language: ExpressionLanguage | null): void {
  for (const { path, text, wanted } of reading.expressions) {
    const compiled = language?.compile(text, wanted)
    if (compiled === undefined || !('evaluate' in compiled)) continue
    if (compiled.readsBody) {
      const message =
        'this version does not read bodies: where this reads `body`, the request is refused (inspection-required)'
      reading.warn(path, message)
    }
    if (compiled.readsFacts) {
      const message =
        'this version has no facts: where this reads one, the request is refused (validator-refused)'
      reading.warn(path, message)
    }
  }
}

function speaksOnHttps({ ports }: RuleSource): boolean {
  return ports.length === 0 || ports.includes(httpsPort)
}

/** The key of a rule that an opaque tunnel hides; null where it can be judged from outside. */
function hiddenKey(rule: RuleSource, language: ExpressionLanguage | null): string | null {
  if (rule.methods.length > 0 && !rule.methods.includes('CONNECT')) return 'methods'
  if (rule.paths.length > 0) return 'paths'
  const when = rule.when === '' ? undefined : language?.compile(rule.when, 'bool')
  if (when !== undefined && 'evaluate' in when && when.readsHidden) return 'when'
  return rule.decoder === '' ? null : 'decoder'
}

function lintRestriction({ rule, path, reading }: At, language: ExpressionLanguage | null): void {
  const key = hiddenKey(rule, language)
  if (key === null) return
  const message = `an opaque tunnel hides \`${key}\`: every HTTPS tunnel to these hosts is refused (inspection-required); except those you trust: hosts: ["*", "!HOST"]`
  reading.warn([...path, key], message, 'key')
}

function lintAllowance(
  { rule, path, reading }: At,
  language: ExpressionLanguage | null,
  tunnels: ReadonlySet<string>,
): void {
  const key = hiddenKey(rule, language)
  if (key === null || (rule.hosts.length > 0 && rule.hosts.every((host) => covered(host, tunnels))))
    return
  const way =
    key === 'methods' ? 'add CONNECT to `methods`' : 'add a rule with `methods: [CONNECT]`'
  const message = `an opaque tunnel hides \`${key}\`: this rule never allows HTTPS; ${way}, or write \`ports: [80]\``
  reading.warn([...path, key], message, 'key')
}

/** Hosts to which some rule allows opaque tunnels. */
function tunnelHosts(rules: readonly RuleSource[]): ReadonlySet<string> {
  const hosts = new Set<string>()
  for (const rule of rules) {
    const isMild = rule.effect === 'allow' || rule.effect === 'warn'
    const judgesOutside = hiddenKey({ ...rule, when: '' }, null) === null && rule.when === ''
    if (rule.state !== 'active' || !isMild || !speaksOnHttps(rule) || !judgesOutside) continue
    for (const host of rule.hosts.length === 0 ? ['*'] : rule.hosts) hosts.add(host)
  }
  return hosts
}

function covered(host: string, tunnels: ReadonlySet<string>): boolean {
  if (host.startsWith('!') || tunnels.has(host) || tunnels.has('*')) return true
  const read = readHost(host)
  if ('problem' in read) return true
  for (let dot = read.name.indexOf('.'); dot >= 0; dot = read.name.indexOf('.', dot + 1)) {
    if (tunnels.has(`*.${read.name.slice(dot + 1)}`)) return true
  }
  return false
}
