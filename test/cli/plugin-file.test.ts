/** An operator's own plugin: what it is loaded from, what it cannot reach, and that no script holds the gate up. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type Test, test } from 'tap'
import { pluginText } from '../../cli/domain-template.ts'
import { loadPlugin } from '../../cli/plugin-file.ts'
import type { DomainCall } from '../../kernel/domain.ts'
import { judgeCall } from '../../kernel/judge.ts'
import { Failure } from '../../kernel/reasons.ts'
import type { GivenPlugin } from '../../policy/plugins.ts'

const call: DomainCall = {
  ...{ actor: 'act_agent', action: 'axn_ship', resource: 'res_parcel', resourceId: '1' },
  ...{ context: { weight: 10 }, facts: {}, agent: 'local', run: 'default', tenant: '' },
  ...{ project: '', method: 'POST', host: 'a.test', path: '/', at: 1_000, proofs: [] },
  parameters: { weight_max: 30 },
}

function written(t: Test, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-plugin-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'logistics.js')
  writeFileSync(path, text)
  return path
}

const good = pluginText('logistics')

/** The plugin of the template, with another body for one of its verbs. */
function withVerb(verb: string, body: string): string {
  return `${good}\nmodule.exports.${verb} = function (call) { ${body} }\n`
}

const judged = ({ plugin, origin }: GivenPlugin, changes: Partial<DomainCall> = {}) => {
  const { parameters } = call
  const started = performance.now()
  const elapsed = (): number => performance.now() - started
  return judgeCall({ plugin, origin, parameters }, { ...call, ...changes }, elapsed)
}

test('a plugin is loaded with the digest of its file, and judges', async (t) => {
  const given = await loadPlugin(written(t, good))
  t.equal(given.origin, `sha256:${createHash('sha256').update(good).digest('hex')}`)
  t.equal(given.plugin.config.name, 'logistics')
  // The first call of a verb is compiled.
  judged(given)
  t.match(judged(given), { violations: [], charge: { parcels: 1 } })
  const heavy = judged(given, { context: { weight: 31 } })
  t.same(
    heavy.violations.map(({ code, domain }) => `${domain}/${code}`),
    ['logistics/weight'],
  )
})

test('a file that is no plugin is refused, and says why', async (t) => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['', /`config` is none: config: an object is read/],
    ['module.exports = 5', /`config` is none/],
    ['module.exports = null', /Cannot read properties of null/],
    ['module.exports = {', /Unexpected token .* \(logistics\.js:2\)/],
    ['throw new Error("no")', /logistics\.js: no$/],
    ['throw { get message() { for (;;) {} } }', /was interrupted/],
    ['throw new Proxy({}, { get() { for (;;) {} } })', /was interrupted/],
    ['for (;;) {}', /was interrupted: it has 1000 ms/],
    ['Promise.resolve().then(() => { for (;;) {} })', /Promise is not defined/],
    ['(async () => { for (;;) {} })()', /no async and no await/],
    ['async function* later() { yield 1 }', /no async and no await/],
    [good.replace("name: 'logistics'", "name: 'Logistics'"), /config\.name: must match/],
    [good.replace('riskLevel: 3', 'riskLevel: 9'), /riskLevel is 1 to 5/],
    [good.replace('riskLevel: 3', 'risk: 3'), /config: |actions\[0\]/],
    [good.replace("'axn_ship'", "'ship'"), /actions\[0\]: must match/],
    [good.replace('fallback: 30', "fallback: 'x'"), /fallback is no integer/],
    [`${good}\nmodule.exports.validate = 5`, /`validate` is no function/],
    [`${good}\nimport('node:fs')`, /imports nothing/],
    [`${good}\nimport /* x */ ('node:fs')`, /imports nothing/],
    [`import fs from 'node:fs'\n${good}`, /Cannot use import statement/],
    [`const fs = require('node:fs')\n${good}`, /require is not defined/],
    ['x'.repeat(300_000), /longer than 262144 bytes/],
    [`${good}\nmodule.exports.complianceMappings = () => 5`, /answers no list/],
    [`${good}\nmodule.exports.policyTemplates = () => [5]`, /a template has/],
    [`Object.prototype.toJSON = () => null`, /`config` is none/],
    [`Object.prototype.toJSON = () => undefined`, /answers no JSON/],
  ]
  for (const [text, pattern] of table) {
    const path = written(t, text)
    const failure = await loadPlugin(path).then(
      () => null,
      (error: unknown) => error,
    )
    t.ok(failure instanceof Failure, text.slice(-60))
    t.match(String(failure), pattern)
  }
  await t.rejects(loadPlugin('/nowhere/x.js'), { code: 'policy-unavailable' })
})

test('a plugin reaches no clock, no chance, no modules and no process', async (t) => {
  const names = [
    ...['Date', 'Intl', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'console'],
    ...['FinalizationRegistry', 'process', 'require', 'setTimeout', 'performance', 'fetch'],
    ...['Promise', 'queueMicrotask', 'structuredClone', 'crypto', 'Buffer', 'global', 'Temporal'],
  ]
  const probe = `const found = [${names.map((name) => `typeof ${name}`).join(', ')}]
    .concat(typeof Math.random)
  const escapes = [
    () => this.constructor.constructor('return process')(),
    () => (function () { return this }).constructor('return process')(),
    () => call.constructor.constructor('return process')(),
    () => eval('process'),
    () => { Error.prepareStackTrace = (_, frames) => frames; try { null.x } catch (e) {
      return e.stack.constructor.constructor('return process')() } },
  ]
  for (const escape of escapes) {
    try { found.push(typeof escape()) } catch (error) { found.push('threw') }
  }
  return { violations: [], checks: found }`
  const { plugin } = await loadPlugin(written(t, withVerb('validate', probe)))
  const { checks } = plugin.validate(call)
  t.same([...new Set(checks)].sort(), ['threw', 'undefined'])
  t.equal(checks.filter((found) => found === 'threw').length, 5)
})

test('what a plugin does wrong with a call denies the call', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['validate', 'for (;;) {}'],
    ['validate', 'throw new Error("x")'],
    ['validate', 'throw { get message() { for (;;) {} } }'],
    ['validate', 'return undefined'],
    ['validate', 'return 5'],
    ['validate', 'return { violations: [], checks: [1] }'],
    ['validate', 'const f = () => f(); return f()'],
    ['validate', 'return { then(done) { done({ violations: [], checks: [] }) } }'],
    ['validate', 'return { violations: [], checks: [], toJSON() { for (;;) {} } }'],
    ['validate', 'return "x".repeat(300000)'],
    ['enrich', 'return { weight: 5 }'],
    ['afterDecision', 'return { charge: { requests: -1 }, marks: [] }'],
    ['afterDecision', 'for (;;) {}'],
  ]
  for (const [verb, body] of table) {
    const given = await loadPlugin(written(t, withVerb(verb, body)))
    const started = performance.now()
    const { violations } = judged(given)
    t.same(
      violations.map(({ code, verdict }) => `${verdict} ${code}`),
      ['deny plugin-failed'],
      `${verb}: ${body}`,
    )
    t.ok(performance.now() - started < 5_000, 'and does not hang')
  }
})

test('verbs that a plugin leaves out say nothing', async (t) => {
  const given = await loadPlugin(written(t, `${good}\nmodule.exports = { config, validate }\n`))
  const { plugin } = given
  t.same(plugin.enrich(call), {})
  t.same(plugin.afterDecision(call), { charge: {}, marks: [] })
  t.same([plugin.policyTemplates(), plugin.complianceMappings('axn_ship')], [[], []])
})
