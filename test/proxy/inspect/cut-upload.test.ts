/** An upload that is cut for a secret in it: what was found is recorded with its settlement, and nothing of its value. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { test } from 'tap'
import { listen, makeDirectory } from '../../e2e/world.ts'
import { openChainGate } from '../chain-world.ts'
import { selfSigned, signedBy } from '../tls/certificates.ts'

const secret = 'a-secret-of-the-gate-0123456789'

void test('its findings are part of the settlement, whoever reads the answer', async (t) => {
  const root = await selfSigned('test root')
  const named = { names: [{ type: 'dns' as const, value: 'localhost' }] }
  const server = createServer(await signedBy(root, 'localhost', named), (request, response) => {
    request.on('error', () => {})
    request.resume()
    request.on('end', () => response.end('ok'))
  })
  const port = await listen(t, server)
  const file = join(makeDirectory(t), 'secret')
  writeFileSync(file, secret)
  const policy = `credentials:
  key: { source: { file: ${file} }, as: { header: Authorization, format: "Bearer {secret}" } }
rules:
  - { id: plain, hosts: [localhost], ports: [${port}], paths: [/plain], addresses: [127.0.0.0/8, "::1/128"], effect: allow }
  - { id: keyed, hosts: [localhost], ports: [${port}], paths: [/keyed], addresses: [127.0.0.0/8, "::1/128"], inject: key, effect: allow }
`
  const gate = await openChainGate(t, { policy, upstreamCa: root.cert })
  for (const [index, path] of ['/plain', '/keyed'].entries()) {
    const inside = await gate.inside(port)
    const body = `see ${secret}`
    inside.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    inside.write(body)
    const settled = await gate.settled(index + 1)
    t.match(settled[index], {
      data: {
        ...{ outcome: 'settled', cut: 'payload-secret' },
        findings: [{ detector: 'own-secrets', place: 'request-body', count: 1 }],
      },
    })
    inside.destroy()
  }
  t.notMatch(JSON.stringify(gate.entries()), secret)
})
