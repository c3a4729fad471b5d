/** Finishes what tsc leaves: the command is executable (tsc keeps its first line, not its mode), data stands beside its code. */
import { chmodSync, copyFileSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

const command = path('../dist/cli/main.js')
if (existsSync(command)) chmodSync(command, 0o755)

for (const name of ['prices.yaml', 'controls.yaml']) {
  const data = path(`../policy/${name}`)
  if (existsSync(data)) copyFileSync(data, path(`../dist/policy/${name}`))
}
