/** The version of this program, from its package.json. */
import { readFileSync } from 'node:fs'

function read(): string {
  for (const near of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(near, import.meta.url), 'utf8')
      const found: unknown = JSON.parse(text)
      if (typeof found === 'object' && found !== null && 'version' in found) {
        return String(found.version)
      }
    } catch {
      // Not at this depth: sources lie one directory higher than what is compiled.
    }
  }
  return 'unknown'
}

export const version = read()
