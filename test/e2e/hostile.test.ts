/** What one client can send must neither seal the gate nor reach the ledger as more than a refusal. */
import { ask, send } from './wire.ts'
import { worldTest } from './world.ts'

worldTest('no Content-Length shuts the gate', {}, async (t, world, origin) => {
  const target = `${origin.url}/a`
  for (const length of ['9007199254740991', '9007199254740900', '1125899906842625']) {
    const head = `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`
    t.equal((await send(world.port, head)).status, 413, length)
  }
  t.equal((await ask(world.port, target)).status, 200, 'the gate is open as before')
  t.equal(world.world.gate.sealed, false)
})

const many = Array.from(
  { length: 600 },
  (_, at) => `  - { id: no-${at}, paths: ["/secret/${at}"], effect: deny }`,
)
const wide = Array.from(
  { length: 300 },
  // Narrowed, so that the load does not refuse them: it does where nothing narrows so many.
  (_, at) => `  - { id: yes-${at}, effect: allow, ports: [1, 80], when: "request.port > 0" }`,
)

worldTest(
  'more rules than an entry holds refuse the request, and shut nothing',
  { rules: [...many, ...wide].join('\n') },
  async (t, world, origin) => {
    const connect = 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n'
    t.equal((await send(world.port, connect)).status, 403)
    t.equal((await ask(world.port, 'http://b.test/')).status, 403)
    t.equal((await ask(world.port, `${origin.url}/a`)).status, 200)
    t.equal(world.world.gate.sealed, false)
  },
)
