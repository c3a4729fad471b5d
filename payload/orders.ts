/** What the rules want of each detector: where several speak, the strictest. */
import type { DetectorName, PayloadAction, PayloadCode, PayloadTerms } from '../kernel/payload.ts'
import { strength } from './detect.ts'

export interface Order {
  readonly action: PayloadAction
  /** Id of the rule. */
  readonly rule: string
}

export type Orders = ReadonlyMap<DetectorName, Order>

const strictness: readonly PayloadAction[] = ['warn', 'redact', 'block']

/** No rule speaks of the gate's own secrets: they are blocked always. */
export function ordersOf(terms: readonly PayloadTerms[]): Orders {
  const orders = new Map<DetectorName, Order>()
  for (const { rule, action, detectors } of terms) {
    for (const detector of detectors) {
      const known = orders.get(detector)
      const isStricter =
        known === undefined || strictness.indexOf(action) > strictness.indexOf(known.action)
      if (detector !== 'own-secrets' && isStricter) orders.set(detector, { action, rule })
    }
  }
  return orders
}

/** The detectors, strictest order first: bytes that several see are handled as the strictest rule asks. */
export function precedenceOf(orders: Orders): readonly DetectorName[] {
  const rank = (detector: DetectorName): number =>
    strictness.indexOf(orders.get(detector)?.action ?? 'warn')
  return [...strength].sort((left, right) => rank(right) - rank(left))
}

/** Of what was found, the strongest detector that has an order of this action. */
export function strongest(
  found: Iterable<DetectorName>,
  orders: Orders,
  action: PayloadAction,
): DetectorName | null {
  const ordered = new Set([...found].filter((detector) => orders.get(detector)?.action === action))
  return strength.find((detector) => ordered.has(detector)) ?? null
}

const personal: readonly DetectorName[] = [
  'card-numbers',
  'iban',
  'national-ids',
  'email-addresses',
]

export function codeOf(detector: DetectorName): PayloadCode {
  return personal.includes(detector) ? 'payload-personal-data' : 'payload-secret'
}
