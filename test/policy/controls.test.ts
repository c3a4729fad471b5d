/** The catalogue of controls: what ships is whole, and a broken one is told. */
import { test } from 'tap'
import { loadCatalogue, readCatalogue } from '../../policy/controls.ts'

const wanted = [
  'eu-ai-act',
  'gdpr',
  'soc-2',
  'iso-27001',
  'hipaa',
  '21-cfr-11',
  'iso-13485',
  'mifid-ii',
  'sec-613',
  'dodd-frank',
  'basel-iii',
  'nist-800-53',
  'iso-26262',
  'unece-r155',
  'iso-28000',
  'nerc-cip',
  'iso-42001',
  'nist-ai-rmf',
]

test('the catalogue that ships has every framework, with titles and evidence', async (t) => {
  const catalogue = await loadCatalogue()
  t.same(catalogue.frameworks.map(({ id }) => id).sort(), [...wanted].sort())
  for (const [id, control] of catalogue.controls) {
    t.ok(control.title !== '' && control.evidence.length > 0, id)
    t.ok(id.startsWith(`${control.framework}/`))
  }
  t.match(catalogue.controls.get('hipaa/164.312(b)'), {
    title: 'Audit controls',
    evidence: ['ledger'],
  })
})

const one = (more: string): string =>
  `version: v\nframeworks:\n  - id: a\n    title: A\n    edition: e\n    controls:\n${more}`

test('a broken catalogue is refused', (t) => {
  const control = '      - { id: c, title: T, evidence: [ledger] }\n'
  t.equal(readCatalogue({ name: 'c', text: one(control) }).controls.size, 1)
  const broken: readonly (readonly [string, string])[] = [
    ['a control twice', one(control + control)],
    ['unknown evidence', one('      - { id: c, title: T, evidence: [hope] }\n')],
    ['no evidence', one('      - { id: c, title: T, evidence: [] }\n')],
    ['no title', one('      - { id: c, evidence: [ledger] }\n')],
    ['a number for an id', one('      - { id: 1.5, title: T, evidence: [ledger] }\n')],
    ['no frameworks', 'version: v\n'],
    ['a list', '- 1\n'],
    ['no YAML', '{'],
    [
      'a framework twice',
      `${one(control)}  - id: a\n    title: A\n    edition: e\n    controls:\n      - { id: d, title: T, evidence: [ledger] }\n`,
    ],
  ]
  for (const [what, text] of broken) {
    t.throws(() => readCatalogue({ name: 'c', text }), { code: 'policy-unavailable' }, what)
  }
  t.end()
})
