/** The files of the test vectors, as they lie in the repository: fixed keys, a fixed clock, the same bytes each time. */
import { ledgerCases } from './cases.ts'
import { keys } from './ledgers.ts'
import { consistencyCases, inclusionCases } from './proofs.ts'

/** Where they lie. */
export const folder = 'test/vectors/files'

const rows = (list: readonly object[]): Buffer =>
  Buffer.from(list.map((one) => `${JSON.stringify(one)}\n`).join(''))

/** Every file by its path below the folder. */
export function vectorFiles(): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>()
  const ledgers = ledgerCases()
  for (const { files: bytes, name } of ledgers) {
    for (const [file, content] of bytes) files.set(`ledgers/${name}/${file}`, content)
  }
  const inclusion = inclusionCases()
  for (const { line, name, proof } of inclusion) {
    files.set(`proofs/${name}.tlog-proof`, Buffer.from(proof))
    files.set(`proofs/${name}.line`, line)
  }
  files.set(
    'ledgers.jsonl',
    rows(ledgers.map(({ codes, exit, key, name, what }) => ({ name, what, key, exit, codes }))),
  )
  files.set(
    'inclusion.jsonl',
    rows(inclusion.map(({ good, key, name, what }) => ({ name, what, key, good }))),
  )
  files.set('consistency.jsonl', rows(consistencyCases()))
  const { first, second, stranger } = keys
  const vkeys = [first, second, stranger].map(({ vkey }) => `${vkey}\n`).join('')
  files.set('keys.txt', Buffer.from(vkeys))
  return files
}
