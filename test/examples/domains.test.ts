/** The example of each domain through the real proxy, and the one ledger that all of them leave. */
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { auditVerify } from '../../cli/audit.ts'
import { demoDomain, playExample } from '../../cli/example.ts'
import { builtinDomains } from '../../kernel/domains/index.ts'
import { linesFrom } from '../../ledger/verify-entries.ts'

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url))

/** Finance last: its cases are in the future, and a clock never runs backward. */
const domains = [...builtinDomains.keys()].sort((left, right) => {
  return Number(left === 'finance') - Number(right === 'finance') || (left < right ? -1 : 1)
})

test('every case of every domain goes as it says, and replay proves the ledger of all', async (t) => {
  const data = join(t.testdir({}), 'data')
  for (const domain of domains) {
    const told: string[] = []
    const print = (text: string): void => {
      told.push(text)
    }
    const results = await playExample({ domain, print, directory: examples, data })
    const wrong = results.filter(({ ok }) => !ok)
    t.same(wrong, [], `${domain}: ${results.length} cases`)
    t.ok(
      results.some(({ answered }) => answered.status === 200),
      `${domain} permits`,
    )
    t.ok(
      results.some(({ answered }) => answered.status === 403),
      `${domain} forbids`,
    )
    t.ok(
      results.some(({ retried }) => retried?.status === 200),
      `${domain} asks a person`,
    )
    for (const { answered, name } of results) t.match(answered.receipt, /^\d+-[0-9a-f]{16}$/, name)
    t.equal(told.length, results.length)
  }
  const printed: string[] = []
  const print = (text: string): void => {
    printed.push(text)
  }
  t.equal(await auditVerify({ dataDirectory: data, replay: true, json: true, print }), 0)
  t.match(printed.join('\n'), /"mismatches":\s*(0|\[\])/)
  const kinds = new Map<string, number>()
  const judged = new Set<unknown>()
  for (const { entry } of linesFrom(join(data, 'ledger'), 0)) {
    if (entry === null) continue
    kinds.set(entry.kind, (kinds.get(entry.kind) ?? 0) + 1)
    if (entry.data['controls'] !== undefined) judged.add(entry.data['domain'])
  }
  t.same([...judged].sort(), [...domains].sort(), 'decisions of every domain name their controls')
  t.ok((kinds.get('approval') ?? 0) >= domains.length, 'people answered in every domain')
})

test('an example whose case goes otherwise says so', async (t) => {
  const home = t.testdir({})
  mkdirSync(join(home, 'general'))
  cpSync(join(examples, 'general', 'policies.yaml'), join(home, 'general', 'policies.yaml'))
  t.same(readdirSync(join(home, 'general')), ['policies.yaml'])
  const print = (): void => undefined
  await t.rejects(demoDomain({ domain: 'general', print, directory: home }), /no example/)
  await t.rejects(demoDomain({ domain: 'nothing', print, directory: home }), /no example/)
})
