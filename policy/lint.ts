/** Warns of what a valid policy does not do, though its author may believe it. */
import type { ExpressionLanguage } from './expression.ts'
import { readHost } from './host.ts'
import type { LintCode } from './lint-finding.ts'
import type { Read } from './read-policy.ts'
import type { Reading } from './reading.ts'
import { overridden } from './shadow.ts'
import { type PolicySource, type RuleSource, tlsOf } from './source.ts'
import type { Path } from './yaml-text.ts'

const httpPort = 80
const httpsPort = 443

/** Adds warnings to a reading whose rules are known. */
export function lint(read: Read, reading: Reading, language: ExpressionLanguage | null): void {
  const { source, rulePaths } = read
  lintExpressions(source, { reading, language })
  lintUnused(source, reading)
  const tunnels = tunnelHosts(source.rules)
  source.rules.forEach((rule, index) => {
    const at: At = { rule, path: rulePaths[index] ?? [], reading }
    if (rule.state !== 'active') return
    lintHandling(at)
    if (!speaksOnHttps(rule) || (tlsOf(rule) || source.defaults.tls) === 'inspect') return
    if (rule.effect !== 'allow' && rule.effect !== 'warn') lintRestriction(at, language)
    else lintAllowance(at, language, tunnels)
  })
  for (const { rule, by } of overridden(source.rules)) {
    const message = `the rule ${by} always overrides this one`
    reading.warn([...(rulePaths[rule] ?? []), 'id'], message)
  }
}

/** What a load warns of, by the words with which it does; a lint tells each by its code. */
const codes: readonly (readonly [string, LintCode])[] = [
  ['always overrides', 'always-denied'],
  ['an opaque tunnel hides', 'tunnel-hides'],
  ['means nothing', 'means-nothing'],
  ['no rule injects', 'unused-credential'],
  ['no rule is sent through', 'unused-proxy'],
  ['no rule names a `decoder`', 'no-decoder'],
  ['stays forbidden', 'metadata-address'],
  ['travels unencrypted', 'inject-unencrypted'],
  ['(type-unknown)', 'unknown-type'],
  ['(facts-missing)', 'missing-facts'],
]

export function codeOfWarning(message: string): LintCode {
  return codes.find(([words]) => message.includes(words))?.[1] ?? 'warned'
}

interface At {
  readonly rule: RuleSource
  readonly path: Path
  readonly reading: Reading
}

/** What reads the body needs a rule that says how; without any, each such request is refused. */
function lintExpressions(
  { rules }: PolicySource,
  {
    reading,
    language,
  }: { readonly reading: Reading; readonly language: ExpressionLanguage | null },
): void {
  if (rules.some(({ decoder, state }) => decoder !== '' && state === 'active')) return
  for (const { path, text, wanted } of reading.expressions) {
    const compiled = language?.compile(text, wanted)
    if (compiled === undefined || !('evaluate' in compiled) || !compiled.readsContent) continue
    const message =
      'no rule names a `decoder`: where this reads the body, the request is refused (inspection-required)'
    reading.warn(path, message)
  }
}

function lintUnused(source: PolicySource, reading: Reading): void {
  const { rules, credentials, upstream_proxies, defaults } = source
  const used = new Set(rules.map(({ inject }) => inject))
  for (const { credential } of upstream_proxies) used.add(credential)
  for (const { name } of credentials) {
    if (used.has(name)) continue
    reading.warn(['credentials', name], `no rule injects the credential ${name}`, 'key')
  }
  const proxies = new Set([defaults, ...rules].map(({ upstream_proxy }) => upstream_proxy))
  for (const { name } of upstream_proxies) {
    if (proxies.has(name)) continue
    reading.warn(['upstream_proxies', name], `no rule is sent through the proxy ${name}`, 'key')
  }
}

function lintHandling({ rule, path, reading }: At): void {
  if (rule.inject !== '' && (rule.ports.length === 0 || rule.ports.includes(httpPort))) {
    const message = 'on port 80 the credential travels unencrypted; write `ports: [443]`'
    reading.warn([...path, 'inject'], message, 'key')
  }
  if (rule.effect !== 'deny' && rule.effect !== 'halt') return
  const keys = [
    ['inject', rule.inject !== ''],
    ['payload', rule.payload.length > 0],
    ['upstream_proxy', rule.upstream_proxy !== ''],
  ] as const
  for (const [key, isSaid] of keys) {
    if (!isSaid) continue
    reading.warn([...path, key], `\`${key}\` means nothing with effect: ${rule.effect}`, 'key')
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
