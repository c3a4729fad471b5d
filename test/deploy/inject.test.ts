/** Manifests in, manifests out: what every injected pod has, that a second time changes nothing, and the way back. */
import fc from 'fast-check'
import { test } from 'tap'
import '../kernel/seed.ts'
import { trustEnvironment } from '../../cli/ca.ts'
import { eachOf, fieldsOf, type Json, textOf } from '../../cli/inject-json.ts'
import { injectText, uninjectText } from '../../cli/inject-manifest.ts'
import { injectOptions } from '../../cli/inject-options.ts'
import { bundleFile } from '../../cli/inject-parts.ts'
import { jsonPatch, stepped, stepsBetween } from '../../cli/inject-patch.ts'
import { environmentFor } from '../../cli/run.ts'
import {
  addedTo,
  documentsOf,
  manifest,
  manifestsOf,
  ownOf,
  podsOf,
  prefixOf,
  usual,
  variable,
} from './manifests.ts'

const pods = manifestsOf('pods')

test('there are at least ten kinds of pod', async (t) => {
  t.ok(pods.length >= 10, pods.map(({ name }) => name).join(' '))
})

for (const { name, text } of pods) {
  test(`${name}: injected, again without a change, and back byte for byte`, async (t) => {
    const once = injectText(text, usual)
    t.same(once.objections, [])
    t.equal(once.changed, 1)
    t.not(once.text, text)
    const twice = injectText(once.text, usual)
    t.equal(twice.text, once.text)
    t.equal(twice.changed, 0)
    const back = uninjectText(once.text)
    t.same(back.objections, [])
    t.equal(back.text, text)
    t.equal(uninjectText(text).text, text, 'what was never injected is as it was')
  })

  test(`${name}: other options begin from the original`, async (t) => {
    const other = injectOptions({ agent: 'other', transparent: true, ledgerClaim: 'ledgers' })
    const direct = injectText(text, other)
    const later = injectText(injectText(text, usual).text, other)
    t.equal(later.text, direct.text)
    t.equal(uninjectText(later.text).text, text)
  })

  test(`${name}: no container of it is without the gate`, async (t) => {
    const [pod = {}] = podsOf(injectText(text, usual).text)
    const [before = {}] = podsOf(text)
    const names = (list: readonly { readonly [name: string]: Json }[]): readonly string[] =>
      list.map((one) => textOf(one['name']))
    const spec = fieldsOf(before['spec'])
    const own = [...eachOf(spec['initContainers']), ...eachOf(spec['containers'])]
    t.same(names(ownOf(pod)), names(own), 'its own containers, in their order')
    for (const container of ownOf(pod)) {
      for (const proxy of ['HTTP_PROXY', 'https_proxy', 'ALL_PROXY']) {
        t.same(variable(container, proxy), ['http://127.0.0.1:3128'])
      }
      t.same(variable(container, 'NO_PROXY'), ['localhost,127.0.0.1,::1'])
      t.same(variable(container, 'SSL_CERT_FILE'), [bundleFile])
      const context = fieldsOf(container['securityContext'])
      t.equal(context['allowPrivilegeEscalation'], false)
      const drops = JSON.stringify(fieldsOf(context['capabilities'])['drop'])
      t.match(drops, /ALL|(?=.*SETUID)(?=.*NET_ADMIN)(?=.*NET_RAW)/)
      const mounts = eachOf(container['volumeMounts'])
      const trust = mounts.filter((one) => one['mountPath'] === '/etc/haltgate/trust')
      t.same(trust, [
        { name: `${prefixOf(pod)}-bundle`, mountPath: '/etc/haltgate/trust', readOnly: true },
      ])
      const ledger = mounts.filter((one) => one['name'] === `${prefixOf(pod)}-data`)
      t.same(ledger, [], 'none of them has the ledger')
    }
  })

  test(`${name}: rules first, then the bundle, then a sidecar that nobody else can become`, async (t) => {
    const [pod = {}] = podsOf(injectText(text, usual).text)
    const added = addedTo(pod)
    t.same([...added.keys()], ['gate-rules', 'gate-trust', 'gate'])
    const gate = added.get('gate') ?? {}
    t.equal(gate['restartPolicy'], 'Always')
    t.match(gate, { startupProbe: {}, readinessProbe: {}, livenessProbe: {}, resources: {} })
    t.match(gate['securityContext'], {
      runAsUser: 1337,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    })
  })
}

test('comments and the order of an author stay', async (t) => {
  const { text } = injectText(manifest('plain'), usual)
  for (const comment of [
    '# An agent that reads',
    '# the smallest',
    '# The agent itself.',
    '# no shell',
  ]) {
    t.ok(text.includes(comment), comment)
  }
  t.ok(text.indexOf('name: researcher') < text.indexOf('containers:'))
})

test('documents without a pod stay byte for byte', async (t) => {
  const { text } = injectText(manifest('many-containers'), usual)
  t.ok(
    text.startsWith(
      '---\napiVersion: v1\nkind: Service\nmetadata: {name: front}\nspec: {ports: [{port: 80}]}\n---\n',
    ),
  )
  t.ok(text.endsWith('...\n'))
})

test('numbers and words stay what Kubernetes reads', async (t) => {
  const [job = {}] = podsOf(injectText(manifest('cron-job'), usual).text)
  t.same(ownOf(job)[0]?.['args'], ['on', '0644', '1:30'])
  const [clash = {}] = podsOf(injectText(manifest('clashing-volumes'), usual).text)
  const volumes = eachOf(fieldsOf(clash['spec'])['volumes'])
  t.equal(fieldsOf(volumes[0]?.['configMap'])['defaultMode'], 0o440)
})

test('a name that is taken is not taken again', async (t) => {
  const [pod = {}] = podsOf(injectText(manifest('clashing-volumes'), usual).text)
  t.equal(prefixOf(pod), 'haltgate-3')
  const names = eachOf(fieldsOf(pod['spec'])['volumes']).map((one) => one['name'])
  t.equal(new Set(names).size, names.length)
})

test('an annotation does not make a foreign container pass for the gate', async (t) => {
  const forged = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'forged', annotations: { 'haltgate.internal/injected': 'haltgate' } },
    spec: {
      initContainers: [
        { name: 'haltgate', image: 'example.com/mine:1', securityContext: { runAsUser: 1337 } },
      ],
      containers: [{ name: 'agent', image: 'example.com/agent:1' }],
    },
  }
  const [pod = {}] = podsOf(injectText(JSON.stringify(forged), usual).text)
  t.equal(addedTo(pod).get('gate')?.['image'], usual.image)
  t.notOk(JSON.stringify(pod).includes('mine'))
})

test('the variables are those of haltgate run, and loopback is left out', async (t) => {
  const [pod = {}] = podsOf(injectText(manifest('plain'), usual).text)
  const trust = trustEnvironment(bundleFile)
  const set = Object.entries(environmentFor({}, 'http://127.0.0.1:3128', trust))
  const env = eachOf(ownOf(pod)[0]?.['env']).map((one) => [one['name'], one['value']])
  const wanted = set
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, /^no_proxy$/i.test(name) ? 'localhost,127.0.0.1,::1' : value])
  t.same(Object.fromEntries(env), Object.fromEntries(wanted))
})

test('a variable that stood there twice stands there once', async (t) => {
  const [pod = {}] = podsOf(injectText(manifest('environment'), usual).text)
  const names = eachOf(ownOf(pod)[0]?.['env']).map((one) => one['name'])
  t.same(names.slice(0, 5), ['FIRST', 'NO_PROXY', 'HTTPS_PROXY', 'SSL_CERT_FILE', 'LAST'])
  t.equal(new Set(names).size, names.length)
})

const reasons: Readonly<Record<string, RegExp>> = {
  'bundle-path.yaml': /where the bundle goes/,
  'capability.yaml': /NET_ADMIN/,
  'host-network.yaml': /hostNetwork/,
  'host-path.yaml': /hostPath/,
  'list.yaml': /kind is not known/,
  'own-port.yaml': /port 3129/,
  'privileged.yaml': /privileged/,
  'same-user.yaml': /user 1337/,
  'unknown-kind.yaml': /kind is not known/,
  'windows.yaml': /Windows/,
}

test('what no rule could hold is refused, with its reason, and nothing is changed', async (t) => {
  const refused = manifestsOf('refused')
  t.same(
    refused.map(({ name }) => name),
    Object.keys(reasons),
  )
  for (const { name, text } of refused) {
    const outcome = injectText(text, usual)
    t.equal(outcome.text, text)
    t.equal(outcome.objections.length, 1, name)
    t.match(outcome.objections[0], reasons[name] ?? /never/)
  }
})

test('one document that is refused keeps all the others as they are', async (t) => {
  const [bad] = manifestsOf('refused')
  const text = `${manifest('plain')}---\n${bad?.text}`
  t.equal(injectText(text, usual).text, text)
})

test('what was edited after injection is not thrown away', async (t) => {
  const edited = injectText(manifest('job'), usual).text.replace('agent:1', 'agent:2')
  for (const outcome of [uninjectText(edited), injectText(edited, usual)]) {
    t.equal(outcome.text, edited)
    t.match(outcome.objections, [/edited after it was injected/])
  }
})

test('a text that is no manifest is told of, or passes', async (t) => {
  const texts = [
    '',
    '\n',
    '# nothing\n',
    'a: [',
    '- 1\n- 2\n',
    'kind: Pod\nkind: Pod\n',
    '"text"',
    'null\n',
    '\u0000',
    'a: &a [*a]\n',
    '%YAML 1.2\n---\na: 1\n',
    `${'['.repeat(20_000)}`,
    'apiVersion: v1\nkind: Pod\n',
    'apiVersion: v1\nkind: Pod\nmetadata: 7\nspec: []\n',
    '{"apiVersion":"v1","kind":"Pod","spec":{"containers":7}}',
  ]
  for (const text of texts) {
    const outcome = injectText(text, usual)
    t.ok(outcome.text === text, JSON.stringify(text.slice(0, 40)))
  }
})

test('the steps between two values lead from one to the other', async (t) => {
  const names = fc.constantFrom('a', 'b', 'c', 'd/e~')
  const named = fc.record({ name: names, value: fc.integer({ min: 0, max: 2 }) })
  const list = fc.array(fc.oneof(named, fc.integer({ min: 0, max: 2 })), { maxLength: 6 })
  const value = fc.dictionary(names, fc.oneof(list, fc.constant(null), fc.string({ maxLength: 2 })))
  fc.assert(
    fc.property(value, value, (before, after) => {
      t.same(stepped(before, stepsBetween(before, after)), after)
    }),
    { numRuns: 300 },
  )
  t.same(jsonPatch(stepsBetween({ 'a/b~c': 1 }, { 'a/b~c': 2 })), [
    { op: 'replace', path: '/a~1b~0c', value: 2 },
  ])
})

test('a label, an annotation and a claim reach where they have to', async (t) => {
  const options = injectOptions({ ledgerClaim: 'ledgers', secret: 'keys', transparent: '4000' })
  const [document = {}] = documentsOf(injectText(manifest('stateful-set'), options).text)
  t.match(document, { metadata: { annotations: { 'haltgate.internal/digest': /^[0-9a-f]{64}$/ } } })
  const [pod = {}] = podsOf(injectText(manifest('stateful-set'), options).text)
  t.match(pod, {
    metadata: {
      labels: { app: 'memory', 'haltgate.internal/injected': 'true' },
      annotations: { 'prometheus.io/port': '3129' },
    },
    spec: { securityContext: { fsGroup: 2000, fsGroupChangePolicy: 'OnRootMismatch' } },
  })
  const gate = addedTo(pod).get('gate') ?? {}
  t.same(gate['args'], ['start', '--transparent', '127.0.0.1:4000'])
  t.same(gate['envFrom'], [{ secretRef: { name: 'keys' } }])
  t.match(JSON.stringify(addedTo(pod).get('gate-rules')), /redirect to :4000/)
})
