/** Puts the policy file into force anew, or keeps the one that is: one reload at a time. */
import type { Metrics } from '../control/metrics.ts'
import type { Gate } from '../gate/gate.ts'
import { stateChanges, statesIn } from '../policy/diff-state.ts'
import { sourceOf } from '../policy/lint-file.ts'
import type { CompiledPolicy } from '../policy/load.ts'
import { reloadProblems } from '../policy/reload.ts'
import { readPolicy } from './policy-files.ts'
import { keepPolicy } from './policy-store.ts'
import { layoutOf, type Settings } from './settings.ts'
import type { PolicySight } from './sight.ts'

export type Reloaded =
  | { readonly ok: true; readonly digest: string }
  | { readonly ok: false; readonly problems: readonly string[] }

export interface ReloadParts {
  readonly gate: Gate
  readonly metrics: Metrics
  readonly settings: Settings
  readonly sight: PolicySight
  /** The compiled policy that is in force. */
  readonly shown: { policy: CompiledPolicy; text: string }
}

/** Reloads one at a time; a loosened limit, an unreadable file or a typo keeps the old policy. */
export function reloader(parts: ReloadParts): () => Promise<Reloaded> {
  const layout = layoutOf(parts.settings.dataDirectory)
  let last: Promise<Reloaded> = Promise.resolve({ ok: true, digest: parts.gate.policy.digest })
  const once = async (): Promise<Reloaded> => {
    const { gate } = parts
    const read = await readPolicy(parts.settings.policyFile, parts.settings.plugins)
    if ('problems' in read) return refuse(parts, read.problems)
    const { policy } = read
    const changes = stateChanges(sourceOf(parts.shown.policy), sourceOf(policy), {
      before: statesIn(parts.shown.text),
      after: statesIn(read.text),
    })
    if (policy.digest === gate.policy.digest && changes.length === 0) {
      // What its credentials are read from may say something else by now.
      parts.sight.use(await parts.sight.prepare(policy))
      return { ok: true, digest: policy.digest }
    }
    if (parts.settings.agent !== null && !policy.agents.has(parts.settings.agent)) {
      return refuse(parts, [`the agent ${parts.settings.agent} of this listener is gone`])
    }
    const problems = reloadProblems(gate.policy, policy)
    if (problems.length > 0) return refuse(parts, problems)
    const vision = await parts.sight.prepare(policy)
    keepPolicy(layout.policies, policy)
    const before = { ...parts.shown, vision: parts.sight.vision }
    const loading = gate.load(policy, { trigger: 'reload', by: 'file', changes })
    // In the turn in which the policy is in force: no request is given another policy's credentials.
    parts.sight.use(vision)
    Object.assign(parts.shown, { policy, text: read.text })
    const loaded = await loading
    if (!loaded.ok) {
      Object.assign(parts.shown, { policy: before.policy, text: before.text })
      if (before.vision !== null) parts.sight.use(before.vision)
    }
    if (loaded.ok) return { ok: true, digest: policy.digest }
    return refuse(
      parts,
      loaded.reasons.map(({ message }) => message),
    )
  }
  return () => {
    last = last.then(once, once).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      return refuse(parts, [why])
    })
    return last
  }
}

async function refuse(parts: ReloadParts, problems: readonly string[]): Promise<Reloaded> {
  parts.metrics.reloadFailed()
  await parts.gate.refuseLoad(problems)
  return { ok: false, problems }
}
