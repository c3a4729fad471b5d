/** How a client is told what became of a tunnel: in HTTP where it asked by CONNECT, by a TLS alert where it asked nobody. */
import type { Passage } from '../gate/passage.ts'
import type { Refusal } from '../gate/refusal.ts'
import { accessDenied } from './greeting.ts'
import { receiptText, refusalBytes } from './refuse.ts'

export interface Voice {
  /** What is said before the tunnel carries anything; passage  null where nothing was admitted yet. */
  established(policy: string, passage: Passage | null): string
  refusal(refusal: Refusal): Buffer
}

/** RFC 9110 9.3.6: the client may send as soon as it reads this. */
function established(policy: string, passage: Passage | null): string {
  const lines = ['HTTP/1.1 200 Connection Established', `Haltgate-Policy: ${policy}`]
  if (passage !== null) {
    lines.push(`Haltgate-Decision: ${passage.observed ? 'allow' : passage.verdict}`)
    lines.push(`Haltgate-Receipt: ${receiptText(passage.receipt)}`)
    if (passage.observed) lines.push(`Haltgate-Observed: ${passage.verdict}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

export const httpVoice: Voice = { established, refusal: refusalBytes }

/** Of a client that speaks TLS to whom it takes for its host: all that it would understand of a refusal is an alert. */
export const alertVoice: Voice = { established: () => '', refusal: () => accessDenied }
