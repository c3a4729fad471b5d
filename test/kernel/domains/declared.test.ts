/** What each domain of the gate declares can be read, and each of its templates is a policy that nobody warns of. */
import { test } from 'tap'
import { builtinDomains } from '../../../kernel/domains/index.ts'
import { readConfig } from '../../../kernel/plugin-config.ts'
import { loadCatalogue } from '../../../policy/controls.ts'
import { lintFile } from '../../../policy/lint-file.ts'
import { loadPolicy } from '../../../policy/load.ts'

for (const [name, plugin] of builtinDomains) {
  test(`${name} declares what can be read`, async (t) => {
    t.same(readConfig(plugin.config), plugin.config)
  })

  test(`the templates of ${name} load, and nothing is found in them`, async (t) => {
    const templates = plugin.policyTemplates()
    t.ok(templates.length > 0)
    for (const { name: file, text } of templates) {
      const loaded = await loadPolicy({ name: file, text })
      t.same('problems' in loaded ? loaded.problems : loaded.warnings, [], file)
      t.same(lintFile({ name: file, text }, loaded), [], file)
    }
  })

  test(`${name} bears evidence for controls of the catalogue, of frameworks that it declares`, async (t) => {
    const { controls, frameworks } = await loadCatalogue()
    const known = frameworks.map(({ id }) => id)
    t.same(
      plugin.config.frameworks.filter((framework) => !known.includes(framework)),
      [],
    )
    for (const { name: action } of plugin.config.actions) {
      const ids = plugin.complianceMappings(action)
      t.ok(ids.length > 0, action)
      const strange = ids.filter((id) => {
        const framework = controls.get(id)?.framework
        return framework === undefined || !plugin.config.frameworks.includes(framework)
      })
      t.same(strange, [], action)
    }
  })
}
