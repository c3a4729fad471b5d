/** A process that appends as fast as it can and says on its output what was acknowledged, until it is killed. */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { Ledger } from '../../ledger/ledger.ts'

const [, , data = '', limit = ''] = process.argv

const state = { count: 0 }

const ledger = await Ledger.open({
  directory: join(data, 'ledger'),
  lockFile: join(data, 'ledger.lock'),
  origin: 'haltgate.example/log',
  createdBy: 'haltgate/0.0.0',
  durability: 'group',
  anyFilesystem: true,
  freeBytesMin: 0,
  segmentBytesMax: 200_000,
  now: () => Date.now(),
  random: randomBytes,
  restore: (snapshot) => Object.assign(state, JSON.parse(snapshot ?? '{"count":0}')),
  fold: (entry) => {
    if (entry.kind === 'decision') state.count += 1
  },
  snapshot: () => JSON.stringify(state),
})

let left = Number(limit)
const write = async (writer: number): Promise<void> => {
  while (left > 0) {
    left -= 1
    state.count += 1
    const { hash, seq } = await ledger.append({ kind: 'decision', actor: {}, data: { writer } })
    writeSync(1, `acknowledged ${seq} ${hash}\n`)
  }
}
await Promise.all(Array.from({ length: 16 }, (_, writer) => write(writer)))
await ledger.close()
