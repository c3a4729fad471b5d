/** Looks through a long body a slice at a time: everybody else has a turn in between, a halt above all. */
import type {
  PayloadFinding,
  PayloadInspector,
  PayloadStep,
  PayloadTerms,
} from '../../kernel/payload.ts'

/** Of longer bodies no more than this is looked at in one turn: some milliseconds with all detectors. */
export const sliceBytes = 128 * 1024

export type LookedThrough =
  | { readonly ok: true; readonly body: Buffer; readonly findings: readonly PayloadFinding[] }
  | {
      readonly ok: false
      readonly step: PayloadStep
      readonly findings: readonly PayloadFinding[]
    }

/**
 * The body as it may be forwarded, or what refuses it. What was taken out is looked for again in what is left: a body
 * in which anything is found then is refused.
 */
export async function lookThrough(
  inspector: PayloadInspector,
  body: Buffer,
  terms: readonly PayloadTerms[],
): Promise<LookedThrough> {
  const first = await through(inspector, body, terms)
  if (!first.ok || first.body.equals(body)) return first
  const asked = terms.filter(({ action }) => action !== 'warn')
  const again = await through(inspector, first.body, asked)
  const { findings } = first
  if (!again.ok) return { ...again, findings }
  if (again.body.equals(first.body)) return first
  const [rule = ''] = asked.map((one) => one.rule)
  const step = { verdict: 'block', code: 'payload-secret', detector: null, rule } as const
  return { ok: false, step: { ...step, bytes: Buffer.alloc(0) }, findings }
}

async function through(
  inspector: PayloadInspector,
  body: Buffer,
  terms: readonly PayloadTerms[],
): Promise<LookedThrough> {
  const stream = inspector.openStream({ place: 'request-body', terms })
  const passed: Uint8Array[] = []
  const take = (step: PayloadStep): boolean => {
    passed.push(step.bytes)
    return step.verdict === 'pass'
  }
  for (let from = 0; from < body.length; from += sliceBytes) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve))
    const step = stream.push(body.subarray(from, from + sliceBytes))
    if (!take(step)) return { ok: false, step, findings: stream.findings }
  }
  const step = stream.end()
  if (!take(step)) return { ok: false, step, findings: stream.findings }
  return { ok: true, body: Buffer.concat(passed), findings: stream.findings }
}
