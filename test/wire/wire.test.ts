/** The conformance suite against a haltgate in this process: every case passes, and its ledger verifies and replays. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { suite } from './cases/suite.ts'
import { makeCertificate } from './certificate.ts'
import { openHaltgate } from './haltgate.ts'
import { startOrigins } from './origins.ts'
import { runSuite } from './run.ts'

test('a case of the suite has a name of its own and says why', async (t) => {
  const names = suite.flatMap(({ name: topic, cases }) =>
    cases.map(({ name }) => `${topic}: ${name}`),
  )
  t.equal(new Set(names).size, names.length, 'no name is there twice')
  t.ok(names.length >= 150, `${names.length} cases`)
  const source = /RFC \d+|CVE-\d+|CWE-\d+|OWASP|WHATWG|docs|\b20\d\d\b|fault too|passed on/
  const silent = suite.flatMap(({ cases }) => cases.filter(({ why }) => !source.test(why)))
  t.same(
    silent.map(({ name }) => name),
    [],
  )
})

test('haltgate passes every case of the suite', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-wire-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  const origins = await startOrigins(0, makeCertificate(directory))
  t.teardown(() => origins.close())
  const gate = await openHaltgate(directory, origins.ports)
  const verdicts = await runSuite({
    ...{
      proxy: gate.target,
      origins,
      gate,
      revive: null,
      exact: true,
      topics: suite,
      only: /(?:)/,
    },
  })
  const problems = await gate.close()
  for (const verdict of verdicts) {
    const { topic, name, problems: found, fault } = verdict
    if (fault === '') t.same(found, [], `${topic}: ${name}`)
    else t.not(found.length, 0, `${topic}: ${name} passes now: take its fault out of the suite`)
  }
  t.equal(verdicts.filter(({ result }) => result === 'skipped').length, 0, 'none is skipped')
  t.same(problems, [], 'the ledger verifies and replays')
})
