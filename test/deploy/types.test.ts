/** Injected manifests through the types of Kubernetes itself: kubectl drops what it does not know, so nothing may be lost. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import {
  type Fields,
  fieldsOf,
  isFields,
  type Json,
  jsonOf,
  textOf,
} from '../../cli/inject-json.ts'
import { injectText } from '../../cli/inject-manifest.ts'
import { injectOptions } from '../../cli/inject-options.ts'
import { loadPolicy } from '../../policy/load.ts'
import { makeDirectory } from '../e2e/world.ts'
import { documentsOf, manifestsOf } from './manifests.ts'

const kubectl = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0
const skip = kubectl ? false : 'NOT TESTED HERE: it takes kubectl'

/** Places of `value` that are not, or otherwise, in `typed`. */
function lost(value: Json, typed: Json | undefined, place: string): readonly string[] {
  if (Array.isArray(value)) {
    const list = Array.isArray(typed) ? typed : []
    return value.flatMap((one, index) => lost(one, list[index], `${place}/${index}`))
  }
  if (!isFields(value)) return value === typed ? [] : [place]
  const fields = isFields(typed) ? typed : {}
  return Object.entries(value).flatMap(([name, one]) => {
    // What is empty or false is left out where it is written.
    const isEmpty = one === false || (isFields(one) && Object.keys(one).length === 0)
    if (isEmpty && fields[name] === undefined) return []
    return lost(one, fields[name], `${place}/${name}`)
  })
}

function typedOf(file: string): Fields {
  // Of its local commands those that know pods read them by type; `annotate` takes whatever it is given.
  const args = ['set', 'env', '--local', '-o', 'json', '-f', file, 'SEEN=yes']
  const { stdout, stderr } = spawnSync('kubectl', args, { encoding: 'utf8', timeout: 30_000 })
  const value = jsonOf(stdout)
  if (isFields(value)) return value
  throw new Error(stderr)
}

test('every member of an injected manifest is one that Kubernetes knows', { skip }, async (t) => {
  const directory = makeDirectory(t)
  const full = injectOptions({ secret: 'keys', ledgerClaim: 'ledgers', transparent: true })
  for (const { name, text } of manifestsOf('pods')) {
    const documents = documentsOf(injectText(text, full).text)
    for (const [index, document] of documents.entries()) {
      if (document['kind'] === 'Service') continue
      const file = join(directory, `${index}-${name}.json`)
      writeFileSync(file, JSON.stringify(document))
      t.same(lost(document, typedOf(file), ''), [], `${name} ${textOf(document['kind'])}`)
    }
  }
  const wrong = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x' },
    spec: { containers: [{ name: 'a', image: 'b', commnd: [1] }] },
  }
  const file = join(directory, 'wrong.json')
  writeFileSync(file, JSON.stringify(wrong))
  t.same(
    lost(wrong, typedOf(file), ''),
    ['/spec/containers/0/commnd/0'],
    'an unknown member is lost',
  )
})

test('the policy that the manifests begin with is one', async (t) => {
  const file = join(process.cwd(), 'deploy', 'kubernetes', 'policy.yaml')
  const [document = {}] = documentsOf(readFileSync(file, 'utf8'))
  const text = textOf(fieldsOf(document['data'])['policies.yaml'])
  const loaded = await loadPolicy({ name: 'policies.yaml', text })
  t.ok('policy' in loaded, Object.keys(loaded).join(' '))
})
