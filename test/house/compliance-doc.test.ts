/** docs/compliance.md says what the catalogue holds, and claims nothing more. */
import { test } from 'tap'
import { evidenceKinds, loadCatalogue } from '../../policy/controls.ts'
import { rowsOf } from './docs.ts'
import { read } from './sources.ts'

test('docs/compliance.md has a row for each framework, and for each kind of evidence', async (t) => {
  const rows = rowsOf('docs/compliance.md')
  const { frameworks } = await loadCatalogue()
  for (const { id, title, edition, controls } of frameworks) {
    t.same(rows.get(id), [title, edition, String(controls.length)], id)
  }
  for (const kind of evidenceKinds) t.ok((rows.get(kind)?.[0] ?? '').length > 10, kind)
  t.equal(rows.size, frameworks.length + evidenceKinds.length, 'and no other')
})

test('no document and no control says that anything is compliant', async (t) => {
  const said = read('docs/compliance.md').match(/.{0,40}\bcompliant\b/g) ?? []
  const denied = said.filter((words) => /nobody compliant|says `compliant/.test(words))
  t.same(said, denied)
  t.notOk(/compliant/i.test(read('policy/controls.yaml')))
})
