/** The handshake of a WebSocket as it is judged, and as it leaves. Its messages are not looked at, and so are not promised to be. */
import type { Passage } from '../../gate/passage.ts'
import type { Read, Reading } from '../../gate/ports.ts'
import type { PayloadFinding } from '../../kernel/payload.ts'
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

  /** A rule that needs to see, or to stop, what is said in a WebSocket refuses it; one that warns sees its handshake. */
  readonly read: Read = async ({ decoder, payload }) => {
    const unseen = 'the gate does not read the messages of a WebSocket.'
    if (decoder !== '') {
      return failed('inspection-required', `The rules need a body, and ${unseen}`)
    }
    const strict = payload.find(({ action }) => action !== 'warn')
    if (strict !== undefined) {
      const what = `The rule ${strict.rule} is to ${strict.action} what is sent, and ${unseen}`
      return failed('inspection-required', what)
    }
    const { inspector } = this.#sight
    if (inspector === null) {
      return failed('policy-unavailable', 'The detectors that a rule names are not there.')
    }
    const { facts, headers } = this.#opening
    const asked = { url: urlOf(facts), headers, body: null, terms: payload }
    const judgement = inspector.request(asked)
    this.findings.splice(0, this.findings.length, ...judgement.findings)
    if (judgement.verdict === 'block') return failed(...objectionOf(judgement))
    return { ok: true, content: null }
  }
}

function failed(code: ReasonCode, message: string): Reading {
  return { ok: false, code, message }
}

/** The headers and query of an admitted handshake, with the credentials that its rules set. */
export function leaving(
  sight: Sight,
  opening: Opening,
  { classification, policy }: Passage,
): Injected {
  const { facts, headers } = opening
  const outgoing = { headers, query: facts.query }
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
