/** A process that commits, notes and erases as fast as it can and says what was acknowledged, until it is killed. */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { Erasures } from '../../evidence/vault/erase.ts'
import { Vault } from '../../evidence/vault/vault.ts'
import { erasureDraft } from '../../gate/statement.ts'
import { Ledger } from '../../ledger/ledger.ts'
import { committed, nameKey } from './vault-world.ts'

const [, , data = ''] = process.argv

const directory = join(data, 'ledger')
const state = { count: 0 }
const vault = await Vault.open({
  directory: join(data, 'vault'),
  nameKey,
  fields: ['body', 'query'],
  now: Date.now,
  random: (bytes) => randomBytes(bytes),
  freeBytesMin: 0,
  segmentBytesMax: 30_000,
})
const ledger = await Ledger.open({
  directory,
  lockFile: join(data, 'ledger.lock'),
  origin: 'haltgate.example/log',
  createdBy: 'haltgate/0.0.0',
  durability: 'group',
  anyFilesystem: true,
  freeBytesMin: 0,
  segmentBytesMax: 200_000,
  now: Date.now,
  soon: setImmediate,
  random: randomBytes,
  restore: (snapshot) => Object.assign(state, JSON.parse(snapshot ?? '{"count":0}')),
  fold: () => undefined,
  snapshot: () => JSON.stringify(state),
})
const erasures = new Erasures({
  vault,
  ledger: directory,
  now: Date.now,
  pause: () => new Promise((resolve) => setImmediate(resolve)),
  record: async (order) => {
    const receipt = await ledger.append(erasureDraft(Date.now(), order))
    return { ok: true, receipt }
  },
})

let requests = 0
const write = async (writer: number): Promise<void> => {
  for (;;) {
    requests += 1
    const request = `${ledger.bootId}-${requests}`
    const { seq: after } = ledger.head
    const values = writer % 2 === 0 ? { query: `q=${requests}` } : { query: 'q', body: 'b' }
    const commitments = vault.commit({ request, subject: `agent:a${writer % 3}`, after }, values)
    const { seq } = await ledger.append(committed(request, commitments))
    writeSync(1, `acknowledged ${seq}\n`)
  }
}
const erase = async (): Promise<void> => {
  writeSync(1, `resumed ${await erasures.resume()}\n`)
  for (let turn = 0; ; turn += 1) {
    const order = { authority: 'ticket', reason: '', by: 'operator' }
    const erasing = await erasures.erase({ ...order, subject: `agent:a${turn % 3}` })
    const erased = await erasing?.finished
    if (erased !== undefined) writeSync(1, `erased ${erased.count}\n`)
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
}
await Promise.all([erase(), ...Array.from({ length: 8 }, (_, writer) => write(writer))])
