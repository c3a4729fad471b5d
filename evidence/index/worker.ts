/** The thread of one gate's index: what SQLite and the disk take their time for is not waited for by any request. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../kernel/contract.ts'
import { Failure } from '../../kernel/reasons.ts'
import { IndexDesk } from './desk.ts'
import type { Answered, Asked } from './feeder.ts'
import type { IndexOptions } from './ledger-index.ts'

const port = parentPort
assert(port !== null, 'the index is fed by a thread of its own')
const desk = new IndexDesk(workerData as IndexOptions)

async function answer({ ask }: Asked): Promise<unknown> {
  switch (ask.kind) {
    case 'feed':
      return desk.feed()
    case 'page':
      return desk.fresh(() => desk.page(ask.ask))
    case 'records':
      return desk.fresh(() => desk.records(ask.ask))
    case 'close':
      desk.close()
      return null
  }
}

async function answered(asked: Asked): Promise<Answered> {
  try {
    return { id: asked.id, ok: true, value: await answer(asked) }
  } catch (error) {
    // A bug ends this thread, which the gate outlives.
    if (!(error instanceof Failure)) throw error
    return { id: asked.id, ok: false, message: error.message }
  }
}

// One after the other: a desk serves one at a time.
let turn: Promise<void> = Promise.resolve()
port.on('message', (asked: Asked) => {
  turn = turn.then(async () => {
    port.postMessage(await answered(asked))
    if (asked.ask.kind === 'close') port.close()
  })
})
