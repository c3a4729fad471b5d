/** Which entries bear evidence on which control of SOC 2, and what of it haltgate can show and what it cannot. */
import type { Entry } from '../../ledger/entry.ts'
import { listOf, textOf } from '../export/reading.ts'
import { isRefusal } from './choose.ts'

/** How a control is evidenced here. */
export interface Soc2Control {
  /** Without its framework: `CC6.1`. */
  readonly id: string
  readonly title: string
  /** The population, in words: what `holds` says. */
  readonly population: string
  /** True for an entry that bears evidence by its kind and members. */
  readonly holds: (entry: Entry) => boolean
  readonly shows: string
  readonly not: string
}

const kinds = (...names: readonly string[]): ((entry: Entry) => boolean) => {
  const known: ReadonlySet<string> = new Set(names)
  return ({ kind }) => known.has(kind)
}

const hasFindings = ({ data }: Entry): boolean => listOf(data['findings']).length > 0

export const soc2Controls: readonly Soc2Control[] = [
  {
    id: 'CC5.2',
    title: 'Control activities over technology',
    population: 'each load of a policy',
    holds: kinds('policy.load'),
    shows: 'that a policy was in force at each time, which one, and what brought it there',
    not: 'that the policy is the right one, or that people approved it before it was loaded',
  },
  {
    id: 'CC6.1',
    title: 'Logical access security',
    population: 'each decision',
    holds: kinds('decision'),
    shows:
      'who asked for what, the verdict, the reasons and the policy, for each request that reached the gate',
    not: 'access that does not pass the gate; how credentials are issued to people',
  },
  {
    id: 'CC6.3',
    title: 'Access by role and least privilege',
    population:
      'each answer to an approval, and each decision that waited for one or passed by one',
    holds: (entry) => entry.kind === 'approval' || textOf(entry.data['approval_id']) !== '',
    shows: 'who said yes or no to what, and what passed by it',
    not: 'how people came to be approvers: that is in the policy and outside of it',
  },
  {
    id: 'CC6.6',
    title: 'Protection against sources outside the boundary',
    population:
      'each decision that did not let pass, and each count of requests that were rejected before',
    holds: (entry) => entry.kind === 'rejected' || (entry.kind === 'decision' && isRefusal(entry)),
    shows: 'what was kept from leaving, and why',
    not: 'what comes in from outside by other ways: the gate stands at the way out',
  },
  {
    id: 'CC6.7',
    title: 'Restriction of transmission of information',
    population: 'each entry with findings of detectors',
    holds: hasFindings,
    shows:
      'where secrets or personal data were found in what was sent or received, and what followed',
    not: 'what no detector knows, and what went through an opaque tunnel',
  },
  {
    id: 'CC6.8',
    title: 'Unauthorised or malicious software',
    population:
      'each start of the gate with its version, and each entry with findings of detectors',
    holds: (entry) => entry.kind === 'boot.open' || hasFindings(entry),
    shows: 'which version of the gate ran, and what detectors found in traffic',
    not: 'what is installed on any machine: haltgate looks for no software',
  },
  {
    id: 'CC7.2',
    title: 'Monitoring for anomalies',
    population: 'each alert of a budget, count of rejected requests, and incident',
    holds: kinds('alert', 'rejected', 'incident'),
    shows: 'what the gate noticed, and when',
    not: 'that somebody looked at it',
  },
  {
    id: 'CC7.3',
    title: 'Evaluation of security events',
    population: 'each halt, reinstatement and incident',
    holds: kinds('halt', 'reinstate', 'incident'),
    shows:
      'what was judged bad enough to stop, by whom or by which rule, and the reason that was given',
    not: 'the evaluation itself, where people did it elsewhere',
  },
  {
    id: 'CC7.4',
    title: 'Response to security incidents',
    population: 'each halt, reinstatement, revocation and grant',
    holds: kinds('halt', 'reinstate', 'revoke', 'grant'),
    shows: 'what was stopped and how soon, and how it was let go on',
    not: 'communication, root causes and lessons',
  },
  {
    id: 'CC8.1',
    title: 'Change management',
    population:
      'each load of a policy, start of the gate, change of key, and recorded event of the system',
    holds: kinds('policy.load', 'boot.open', 'key.rotate', 'system'),
    shows: 'each change of policy, program and key that took effect, in its order',
    not: 'that a change was asked for, tested and approved before',
  },
  {
    id: 'PI1.3',
    title: 'Processing is complete and authorised',
    population: 'each settlement and extension',
    holds: kinds('settlement', 'extension'),
    shows: 'what each admitted request turned out to cost, and what nobody could tell',
    not: 'that what was processed was right',
  },
]

/** True where an entry is of the population: by its kind, or since its domain named the control. */
export function isEvidence(control: Soc2Control, entry: Entry): boolean {
  if (control.holds(entry)) return true
  return listOf(entry.data['controls']).includes(`soc-2/${control.id}`)
}
