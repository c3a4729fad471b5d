/** The answer to a WebSocket's handshake: what it tells the client of the gate's secrets. */
import { test } from 'tap'
import { openInspector } from '../../../payload/inspect.ts'
import { toldSecret } from '../../../proxy/inspect/handshake.ts'

const secret = ['correct', 'horse', 'battery'].join('-')
const value = Buffer.from(secret, 'utf8')
const inspector = openInspector({ secrets: [{ name: 'up', value }], key: new Uint8Array(32) })

test('an answer that holds a secret of the gate is objected to, in each of its forms', async (t) => {
  const forms = [secret, value.toString('base64'), value.toString('hex'), `a ${secret} b`]
  for (const form of forms) {
    const told = toldSecret({ guards: true, inspector }, { headers: ['X-Echo', form] })
    t.equal(told?.code, 'payload-secret', `in ${form.length} characters`)
    t.notOk(told?.message.includes(secret), 'which are not said again')
  }
})

test('an answer without one goes on, and so does any where the gate keeps no secret', async (t) => {
  t.equal(toldSecret({ guards: true, inspector }, { headers: ['X-Echo', 'nothing'] }), null)
  t.equal(toldSecret({ guards: false, inspector }, { headers: ['X-Echo', secret] }), null)
  t.equal(toldSecret({ guards: true, inspector: null }, { headers: ['X-Echo', secret] }), null)
})
