/** `haltgate policy lint`: what a policy says that its author can hardly mean, each with a request that shows it. */
import pico from 'picocolors'
import { lintFile } from '../policy/lint-file.ts'
import type { LintFinding } from '../policy/lint-finding.ts'
import { exitCodes } from './exit.ts'
import type { PolicyContext } from './policy.ts'
import { load, textOf } from './policy-loaded.ts'

/** Prints every finding; 0 where there is none. */
export async function lintPolicy(context: PolicyContext): Promise<number> {
  const { json, policyFile, print } = context
  const file = textOf(policyFile)
  const { name } = file
  const findings = lintFile(file, await load(file, policyFile))
  if (json) print(JSON.stringify({ ok: findings.length === 0, findings }))
  else if (findings.length === 0) print(`${name}: nothing found`)
  else for (const finding of findings) print(shown(name, finding))
  return findings.length === 0 ? exitCodes.done : exitCodes.no
}

function shown(name: string, finding: LintFinding): string {
  const { code, column, example, ids, line, message } = finding
  const about = ids.length === 0 ? '' : ` (${ids.join(', ')})`
  const said = `${name}:${line}:${column}: ${pico.yellow(code)}${about}: ${message}`
  if (example === null) return said
  const { agent, method, url } = example
  return `${said}\n    haltgate policy explain --agent ${agent} ${method} '${url}'`
}
