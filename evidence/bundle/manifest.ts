/** manifest.json of a bundle: canonical JSON (RFC 8785), so that the same bundle has the same manifest. */
import type { Scope } from './choose.ts'
import type { Described } from './readme.ts'
import type { Packed } from './tar.ts'

const bundleSpec = 'haltgate-bundle/1'

/** Keys ascend in every object; the text ends without an LF. */
export function manifestOf(described: Described, packed: readonly Packed[]): string {
  const { chosen, isWhole, missingPolicies, scope, survey, version } = described
  const { genesis, head, held, root } = survey
  return JSON.stringify({
    checkpoint: held === null ? null : { root: held.note.root, size: held.note.size },
    entries: chosen.entries,
    files: packed.map(({ bytes, name, sha256 }) => ({ bytes, name, sha256 })),
    haltgate: version,
    head: { hash: head.hash, seq: head.seq },
    log_id: genesis.log_id,
    missing_policies: missingPolicies,
    origin: genesis.origin,
    proofs: { count: chosen.proofs.length, each_entry: chosen.isEach },
    range: chosen.range === null ? null : { from: chosen.range.from, to: chosen.range.to },
    refusals: chosen.refusals,
    scope: scopeMembers(scope),
    spec: bundleSpec,
    tree: { root, size: head.seq + 1 },
    whole: isWhole,
  })
}

function scopeMembers(scope: Scope): object {
  if (scope.kind === 'all') return { kind: 'all' }
  if (scope.kind === 'range') return { from: scope.from, kind: 'range', to: scope.to }
  return { agent: scope.agent, kind: 'run', run: scope.run }
}
