/** The last pages of a compliance report: what it cannot prove, what happened to the gate, and how to check it. */
import type { Section } from './content.ts'
import { limitsOf, type Subject } from './facts.ts'
import { brief, countText, stampText } from './figures.ts'

/** What no entry can prove. */
export function limits(subject: Subject): Section {
  return {
    title: 'What this report cannot prove',
    isApart: false,
    blocks: [{ kind: 'list', items: limitsOf(subject) }],
  }
}

/** Policies, events of the gate, and how to check all this. */
export function checking(subject: Subject): Section {
  const { tally, verification } = subject
  const { policies, troubles } = tally
  const head =
    verification.head === null ? 'SEQ:HASH' : `${verification.head.seq}:${verification.head.hash}`
  return {
    title: 'Policies, events, and how to check',
    isApart: true,
    blocks: [
      {
        kind: 'table',
        caption: `Policies loaded in the period: ${countText(policies.count)}`,
        columns: [
          { title: 'Time (UTC)', share: 18 },
          { title: 'Entry', share: 8, isNumber: true },
          { title: 'SHA-256 of the policy', share: 56, isCode: true },
          { title: 'Mode', share: 9 },
          { title: 'Verdict', share: 9 },
        ],
        rows: policies.rows.map(({ digest, mode, seq, ts, verdict }) => [
          stampText(ts),
          String(seq),
          brief(digest.replace(/^sha256:/, ''), 80),
          brief(mode, 12),
          brief(verdict, 12),
        ]),
        none: 'No policy was loaded in the period.',
      },
      {
        kind: 'table',
        caption: `Events of the gate itself: ${countText(troubles.count)}`,
        columns: [
          { title: 'Time (UTC)', share: 20 },
          { title: 'Entry', share: 10, isNumber: true },
          { title: 'What', share: 70 },
        ],
        rows: troubles.rows.map(({ seq, text, ts }) => [
          stampText(ts),
          String(seq),
          brief(text, 200),
        ]),
        none: 'No incident, no step of the clock, and no unclean end.',
      },
      {
        kind: 'list',
        items: [
          `The ledger: haltgate audit verify --expect-head ${head}`,
          'An entry of a sample: haltgate audit show SEQ; its hash is the one of the receipt.',
          'This report: haltgate audit check-report FILE --key KEY, with --data DIR for the tree as well.',
          'All numbers: make the report again from the same ledger, with the same period and --at; it comes out byte for byte.',
        ],
      },
    ],
  }
}
