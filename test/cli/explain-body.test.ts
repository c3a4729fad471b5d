/** What the policy says of a body, asked before anything is sent. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { haltgate, makePlace } from './command.ts'

const policy = `version: 1
defaults: { verdict: deny, tls: inspect }
agents: { tester: {} }
rules:
  - { id: order, hosts: [api.example], methods: [POST], decoder: json, when: body.qty < 10, effect: allow }
  - { id: never, hosts: [api.example], when: body.side == "sell", effect: deny }
`

test('policy explain decodes a body as the gate would, and says what waits for one', async (t) => {
  const place = makePlace(t, policy)
  const bodyFile = join(place.directory, 'body.json')
  const explain = (body: string, ...words: readonly string[]): ReturnType<typeof haltgate> => {
    writeFileSync(bodyFile, body)
    return haltgate(place, ['policy', 'explain', '--agent', 'tester', ...words])
  }
  const post = ['POST', 'https://api.example/orders', '--body', bodyFile]
  const buys = await explain('{"qty": 3, "side": "buy"}', ...post)
  t.match(buys, { code: 0, output: /^ALLOW {2}tester {2}POST https:\/\/api\.example\/orders/ })
  const sells = await explain('{"qty": 3, "side": "sell"}', ...post)
  t.match(sells, { code: 1, output: /^DENY[\s\S]*speaks +never +deny/ })
  t.match(await explain('{"qty": 30, "side": "buy"}', ...post), { code: 1, output: /no rule/ })
  const broken = await explain('{"qty": 3', ...post)
  t.match(broken, { code: 1, output: /the body cannot be judged: / })
  const waiting = await explain('', 'POST', 'http://api.example/orders')
  t.match(waiting.output, /unknown +order +It depends on the body, which the decoder json reads/)
  t.match(waiting.output, /the decoder json reads the body first: give one with --body FILE/)
  const none = await explain('', ...post.slice(0, 3), join(place.directory, 'none'))
  t.match(none, { code: 2, errors: /none cannot be read/ })
  const connect = await explain('', 'CONNECT', 'api.example:443')
  t.match(connect.output, /It depends on the request inside/)
})
