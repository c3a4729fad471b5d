/** A client that leaves while its request is judged: what its body took of the common room is given back. */
import { test } from 'tap'
import type { Passage, Settlement } from '../../../gate/passage.ts'
import type { AdmitPorts } from '../../../gate/ports.ts'
import type { Client } from '../../../proxy/client.ts'
import type { Desk } from '../../../proxy/desk.ts'
import { Exchange } from '../../../proxy/exchange.ts'
import { HeaderNames } from '../../../proxy/header-name.ts'
import { settled } from '../../gate/clock.ts'
import { sceneOf } from './play.ts'

const client = {
  ...{ authority: null, listener: 'proxy:a', principal: null, scheme: 'http' },
  identify: () => ({ ok: true, principal: { agent: 'a' } }),
} as unknown as Client

void test('a client that leaves before its admission is durable leaves no room taken', async (t) => {
  const settlements: Settlement[] = []
  const passage = {
    refused: false,
    classification: { capability: '' },
    settle: (settlement: Settlement) => void settlements.push(settlement),
  } as unknown as Passage
  let durable: () => void = () => undefined
  const { desk, messages, request } = sceneOf()
  const admit = async (_facts: unknown, _amounts: unknown, ports: AdmitPorts): Promise<Passage> => {
    await ports.read({ decoder: 'json', payload: [] })
    await new Promise<void>((resolve) => {
      durable = resolve
    })
    return passage
  }
  const context = { ...desk.context, gate: { admit, policy: {} }, newId: () => 'r1' }
  const own = { ...desk, context, names: new HeaderNames() } as unknown as Desk
  const headers = ['Host', 'x.example', 'Content-Length', '2']
  Object.assign(messages.request, {
    ...{ httpVersion: '1.1', method: 'POST', rawHeaders: headers, url: 'http://x.example/' },
  })
  const exchange = new Exchange(own, client, messages)
  const running = exchange.run()
  request.send('{}')
  await settled()
  t.equal(own.judging, 2)
  exchange.abandon()
  durable()
  await running
  t.equal(own.judging, 0)
  t.match(settlements, [{ outcome: 'voided' }])
  t.equal(settlements.length, 1)
})
