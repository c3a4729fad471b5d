/** Makes the compiled command executable; tsc keeps its first line but not its mode. */
import { chmodSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
if (existsSync(command)) chmodSync(command, 0o755)
