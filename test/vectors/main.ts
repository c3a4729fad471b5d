/** Writes the test vectors anew: `node dist/test/vectors/main.js` from the project's root, after a change of the format. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folder, vectorFiles } from './make.ts'

rmSync(folder, { recursive: true, force: true })
for (const [path, bytes] of vectorFiles()) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), bytes)
}
