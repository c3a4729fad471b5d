/** Looks for the gate's own secrets in what leaves with every request: its URL and its headers. */
import type { Amounts } from '../../gate/work.ts'
import type { Vector } from '../../kernel/dimension.ts'
import type { PayloadFinding } from '../../kernel/payload.ts'
import type { Intake } from '../intake.ts'
import type { Sight } from '../sight.ts'
import { objectionOf, urlOf } from './judged.ts'

interface Measured {
  readonly charge: Vector
  readonly ask: Vector
  /** Filled while the request is judged. */
  readonly findings: PayloadFinding[]
}

/** What the gate is told of a request beside its facts. A secret of the gate refuses it, whatever the policy says. */
export function guarded(
  sight: Sight,
  intake: Pick<Intake, 'facts'> & { readonly head: Pick<Intake['head'], 'headers'> },
  measured: Measured,
): Amounts {
  const { inspector, guards } = sight
  if (!guards || inspector === null) return measured
  const { facts, head } = intake
  const url = urlOf(facts)
  const judgement = inspector.request({ url, headers: head.headers, body: null, terms: [] })
  if (judgement.verdict !== 'block') return measured
  const [code, message] = objectionOf(judgement)
  return { ...measured, findings: judgement.findings, refusals: [{ code, id: '', message }] }
}
