/** The domains that come with the gate, by the names that policies give them. */
import type { DomainPlugin } from '../domain.ts'
import { aiDomain } from './ai.ts'
import { automotiveDomain } from './automotive.ts'
import { defenseDomain } from './defense.ts'
import { energyDomain } from './energy.ts'
import { financeDomain } from './finance.ts'
import { generalDomain } from './general.ts'
import { healthcareDomain } from './healthcare.ts'
import { supplyChainDomain } from './supply-chain.ts'

const all: readonly DomainPlugin[] = [
  aiDomain,
  financeDomain,
  healthcareDomain,
  defenseDomain,
  automotiveDomain,
  supplyChainDomain,
  energyDomain,
  generalDomain,
]

/** Each under the name that it declares. */
export const builtinDomains: ReadonlyMap<string, DomainPlugin> = new Map(
  all.map((plugin) => [plugin.config.name, plugin]),
)
