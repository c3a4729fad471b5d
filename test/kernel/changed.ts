/** A snapshot with one place of it changed, for tests that it is then refused. */
import { canonical } from '../../kernel/canonical.ts'

type Plain = Record<string, unknown>

/** Changes one place of a snapshot, given as a path of keys, and answers the canonical text. */
export function changed(text: string, path: readonly (string | number)[], value: unknown): string {
  const root: unknown = JSON.parse(text)
  let place = root as Plain
  for (const key of path.slice(0, -1)) place = place[key] as Plain
  const last = path.at(-1) ?? ''
  if (value === undefined) delete place[last]
  else place[last] = value
  return canonical(root)
}
