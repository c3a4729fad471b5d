/** The webhook over real TLS: questions as an API server asks them, and everything else that a network brings. */

import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { test } from 'tap'
import { makeWebhookCertificate } from '../../cli/inject-certificate.ts'
import {
  eachOf,
  type Fields,
  fieldsOf,
  isFields,
  type Json,
  jsonOf,
  textOf,
} from '../../cli/inject-json.ts'
import { injectPod } from '../../cli/inject-pod.ts'
import { openWebhook, type Webhook, type WebhookLimits } from '../../cli/inject-webhook.ts'
import { openLog } from '../../cli/log.ts'
import type { Teardown } from '../e2e/world.ts'
import { manifestsOf, podsOf, usual } from './manifests.ts'

const name = 'haltgate-inject.haltgate.svc'
const certificate = await makeWebhookCertificate(name, Date.now())

async function opened(t: Teardown, limits: Partial<WebhookLimits> = {}): Promise<Webhook> {
  const webhook = await openWebhook({
    listen: { host: '127.0.0.1', port: 0 },
    certificatePem: certificate.certificatePem,
    keyPem: certificate.keyPem,
    inject: usual,
    log: openLog('silent'),
    limits,
  })
  t.teardown(() => webhook.close())
  return webhook
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** Trusts the certificate's own CA alone, and checks its name, as an API server does with `caBundle`. */
function ask(port: number, path: string, body: string, method = 'POST'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const trust = { ca: certificate.rootPem, servername: name, host: '127.0.0.1' }
    const asked = request({ ...trust, port, path, method, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

const review = (object: Json, more: Fields = {}): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      requestResource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'agents',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
      ...more,
    },
  })

const responseOf = ({ body }: Answer): Fields => {
  const value = jsonOf(body)
  return fieldsOf(isFields(value) ? value['response'] : null)
}

/** RFC 6902 by the letter, and not by the code that made the patch. */
function patched(value: Json, response: Fields): Json {
  const text = Buffer.from(textOf(response['patch']), 'base64').toString('utf8')
  const copy = JSON.parse(JSON.stringify(value))
  for (const step of eachOf(jsonOf(text))) {
    const parts = textOf(step['path']).split('/').slice(1)
    const names = parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = names.pop() ?? ''
    const parent = names.reduce((inner, part) => inner[part], copy)
    if (Array.isArray(parent) && step['op'] === 'add') parent.splice(Number(last), 0, step['value'])
    else if (Array.isArray(parent) && step['op'] === 'remove') parent.splice(Number(last), 1)
    else if (step['op'] === 'remove') delete parent[last]
    else parent[last] = step['value']
  }
  return copy
}

/** As the API server has it before admission: a pod of a workload has a generated name and an owner. */
function started(pod: Fields): Fields {
  const metadata = fieldsOf(pod['metadata'])
  const named = metadata['name'] === undefined ? { generateName: 'agents-7d9c-' } : {}
  return { apiVersion: 'v1', kind: 'Pod', ...pod, metadata: { ...named, ...metadata }, status: {} }
}

test('each kind of pod gets the patch that makes what inject makes of it', async (t) => {
  const { port } = await opened(t)
  for (const { name: file, text } of manifestsOf('pods')) {
    const [found = {}] = podsOf(text)
    const pod = started(found)
    const answer = await ask(port, '/inject/all?timeout=10s', review(pod))
    const response = responseOf(answer)
    t.match(response, { uid: /^705ab4f5/, allowed: true, patchType: 'JSONPatch' }, file)
    const after = patched(pod, response)
    const injected = injectPod(pod, usual)
    t.same(after, injected.ok ? injected.template : null, file)
    const again = responseOf(await ask(port, '/inject/all', review(after)))
    t.same(again, { uid: response['uid'], allowed: true }, `${file}: a second time, no patch`)
  }
})

test('what cannot be held is refused with a sentence that kubectl shows', async (t) => {
  const { port } = await opened(t)
  for (const { name: file, text } of manifestsOf('refused')) {
    const [pod] = podsOf(text)
    if (pod === undefined) continue
    const response = responseOf(await ask(port, '/inject/asked', review(started(pod))))
    if (file === 'unknown-kind.yaml') continue
    t.match(response, { allowed: false, status: { code: 403, message: /^haltgate: / } }, file)
    t.equal(response['patch'], undefined)
  }
})

test('a namespace that is asked for its pods decides pod by pod; one of all does not', async (t) => {
  const { port } = await opened(t)
  const pod = (inject: string): Fields => ({
    metadata: { name: 'one', annotations: { 'haltgate.internal/inject': inject } },
    spec: { containers: [{ name: 'agent', image: 'example.com/agent:1' }] },
  })
  const bare = { metadata: { name: 'one' }, spec: pod('')['spec'] ?? null }
  const outcomes: readonly (readonly [string, Fields, boolean, boolean])[] = [
    ['/inject/asked', bare, true, false],
    ['/inject/asked', pod('false'), true, false],
    ['/inject/asked', pod('true'), true, true],
    ['/inject/asked', pod('yes'), false, false],
    ['/inject/all', bare, true, true],
    ['/inject/all', pod('true'), true, true],
    ['/inject/all', pod('false'), false, false],
  ]
  for (const [path, object, allowed, isPatched] of outcomes) {
    const response = responseOf(await ask(port, path, review(object)))
    const label = `${path} ${JSON.stringify(object['metadata'])}`
    t.equal(response['allowed'], allowed, label)
    t.equal(response['patch'] !== undefined, isPatched, label)
  }
})

test('a container that is added to a running pod is held, or refused', async (t) => {
  const { port } = await opened(t)
  const injected = injectPod({ metadata: {}, spec: { containers: [{ name: 'agent' }] } }, usual)
  const template = injected.ok ? injected.template : {}
  const added = async (securityContext: Fields): Promise<Json | undefined> => {
    const ephemeralContainers = [{ name: 'debug', image: 'example.com/debug:1', securityContext }]
    const pod = { ...template, spec: { ...fieldsOf(template['spec']), ephemeralContainers } }
    const more = { operation: 'UPDATE', subResource: 'ephemeralcontainers' }
    return responseOf(await ask(port, '/inject/all', review(pod, more)))['allowed']
  }
  const held = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
  t.equal(await added(held), true)
  t.equal(await added({ ...held, runAsUser: 1337 }), false)
  t.equal(await added({ ...held, capabilities: { drop: ['ALL'], add: ['SETUID'] } }), false)
  t.equal(await added({}), false)
})

test('what is no question is told so, and the next one is answered', async (t) => {
  const { port } = await opened(t, { bodyBytesMax: 10_000 })
  const pod = { metadata: { name: 'one' }, spec: { containers: [{ name: 'agent' }] } }
  const status = async (path: string, body: string, method?: string): Promise<number> =>
    (await ask(port, path, body, method)).status
  t.equal(await status('/inject/all', 'nothing'), 400)
  t.equal(await status('/inject/all', ''), 400)
  t.equal(await status('/inject/all', '{"kind":"AdmissionReview"}'), 400)
  t.equal(await status('/inject/all', '['.repeat(9_000)), 400)
  t.equal(await status('/inject/all', review(pod).replace('io/v1"', 'io/v1beta1"')), 400)
  t.equal(await status('/other', review(pod)), 404)
  t.equal(await status('/inject/all', '', 'PUT'), 405)
  t.equal(await status('/healthz', '', 'GET'), 200)
  const long = await ask(port, '/inject/all', ' '.repeat(200_000)).catch(() => null)
  t.ok(long === null || long.status === 413, 'too long is refused')
  const odd = [
    null,
    7,
    'pod',
    [],
    {},
    { spec: 7 },
    { metadata: [], spec: { containers: [7, null] } },
  ]
  for (const object of odd) {
    const response = responseOf(await ask(port, '/inject/all', review(object)))
    t.equal(response['allowed'], false, JSON.stringify(object))
  }
  const secrets = { resource: { group: '', version: 'v1', resource: 'secrets' } }
  t.equal(responseOf(await ask(port, '/inject/all', review(pod, secrets)))['allowed'], false)
  t.equal(responseOf(await ask(port, '/inject/all', review(pod)))['allowed'], true)
})

test('who is slow, silent or speaks no TLS is cut, and others are answered meanwhile', async (t) => {
  const { port } = await opened(t, { requestTimeoutMs: 300 })
  const plain = connectPlain(port, '127.0.0.1')
  const silent = connectPlain(port, '127.0.0.1')
  const trust = { ca: certificate.rootPem, servername: name, host: '127.0.0.1' }
  const slow = await new Promise<TLSSocket>((resolve) => {
    const socket = connect({ ...trust, port }, () => resolve(socket))
  })
  for (const socket of [plain, silent, slow]) {
    t.teardown(() => socket.destroy())
    socket.on('error', () => undefined)
    socket.resume()
  }
  const ends = [plain, silent, slow].map((socket) => new Promise((end) => socket.on('close', end)))
  plain.write('GET / HTTP/1.1\r\n\r\n')
  slow.write('POST /inject/all HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{')
  t.equal((await ask(port, '/healthz', '', 'GET')).status, 200)
  await Promise.all(ends)
  t.equal((await ask(port, '/healthz', '', 'GET')).status, 200)
})

test('a renewed certificate answers new connections; half of one does not', async (t) => {
  const webhook = await opened(t)
  const other = await makeWebhookCertificate(name, Date.now())
  t.throws(() => webhook.renew(other.certificatePem, certificate.keyPem))
  t.equal((await ask(webhook.port, '/healthz', '', 'GET')).status, 200)
  webhook.renew(other.certificatePem, other.keyPem)
  await t.rejects(ask(webhook.port, '/healthz', '', 'GET'), 'the old CA signed nothing of it')
})
