/** The handshake of a WebSocket as it is judged, and as it leaves; its messages are searched on their way (messages.ts). */
import type { Passage } from '../../gate/passage.ts'
import type { Read, Reading } from '../../gate/ports.ts'
import type { PayloadFinding, PayloadTerms } from '../../kernel/payload.ts'
import type { ReasonCode } from '../../kernel/reasons.ts'
import type { Opening } from '../context.ts'
import type { ResponseHead } from '../response-head.ts'
import type { Injected, Sight } from '../sight.ts'
import { objectionOf, urlOf } from './judged.ts'

export class HandshakeJudged {
  /** Looked at by the gate when it decides. */
  readonly findings: PayloadFinding[] = []
  readonly #sight: Sight
  readonly #opening: Opening

  constructor(sight: Sight, opening: Opening) {
    this.#sight = sight
    this.#opening = opening
  }

  /** A rule that needs a whole body refuses a WebSocket, which has none; what it looks for is looked for in the handshake. */
  readonly read: Read = async ({ decoder, payload }) => {
    if (decoder !== '') {
      const message = 'The rules need a body, and no decoder reads the messages of a WebSocket.'
      return failed('inspection-required', message)
    }
    const { inspector } = this.#sight
    if (inspector === null) {
      return failed('policy-unavailable', 'The detectors that a rule names are not there.')
    }
    const { facts, headers } = this.#opening
    const asked = { url: urlOf(facts), headers, body: null, terms: payload.map(strictly) }
    const judgement = inspector.request(asked)
    this.findings.splice(0, this.findings.length, ...judgement.findings)
    if (judgement.verdict === 'block') return failed(...objectionOf(judgement))
    return { ok: true, content: null }
  }
}

/** Of a handshake nothing is taken out: what should be is refused. */
function strictly(terms: PayloadTerms): PayloadTerms {
  return terms.action === 'redact' ? { ...terms, action: 'block' } : terms
}

function failed(code: ReasonCode, message: string): Reading {
  return { ok: false, code, message }
}

/** The headers and query of an admitted handshake, with the credentials and the token that its rules set. */
export async function leaving(sight: Sight, opening: Opening, passage: Passage): Promise<Injected> {
  const { facts, headers } = opening
  const { classification, policy } = passage
  const token = classification.capability === 'attach' ? await sight.attest(passage) : ''
  if (token === null) {
    const message = 'The token that goes along cannot be signed: tell an operator.'
    return { ok: false, reason: { code: 'policy-unavailable', id: '', message } }
  }
  const signed = token === '' ? headers : [...headers, 'Haltgate-Capability', token]
  const outgoing = { headers: signed, query: facts.query }
  const { inject } = classification
  if (inject.length === 0) return { ok: true, outgoing }
  if (facts.scheme === 'https') return sight.inject(inject, outgoing, policy)
  const message = 'A credential is set inside TLS only: ask by wss.'
  return { ok: false, reason: { code: 'inspection-required', id: inject[0] ?? '', message } }
}

/** What speaks against the head of an answer: a secret of the gate that its upstream tells the client. */
export function toldSecret(
  { guards, inspector }: Pick<Sight, 'guards' | 'inspector'>,
  head: Pick<ResponseHead, 'headers'>,
): { readonly code: ReasonCode; readonly message: string } | null {
  if (!guards || inspector === null) return null
  const judgement = inspector.response({ headers: head.headers, body: null, terms: [] })
  if (judgement.verdict !== 'block') return null
  const [code, message] = objectionOf(judgement)
  return { code, message }
}
