/** Makes a report: verifies the ledger, counts its entries in one more pass, and writes the content down. */
import { Failure } from '../../kernel/reasons.ts'
import { type VerifyOptions, verifyLedger } from '../../ledger/verify.ts'
import type { Report } from '../../ledger/verify-report.ts'
import { loadCatalogue } from '../../policy/controls.ts'
import { complianceContent } from './compliance.ts'
import type { Content } from './content.ts'
import { debriefContent } from './debrief.ts'
import type { Subject } from './facts.ts'
import type { ReportFramework } from './frameworks.ts'
import { htmlOf } from './html.ts'
import { pdfOf } from './pdf.ts'
import { type Span, type Tally, tallyOf } from './tally.ts'

export const reportFormats = ['html', 'pdf'] as const

export type ReportFormat = (typeof reportFormats)[number]

export interface Reading {
  readonly verification: Report
  readonly tally: Tally
  /** As far as entries reach, where nobody named an end. */
  readonly span: Span
}

/**
 * Verifies a ledger, and counts the entries of a period in it: those under the verified root and no others.
 *
 * from, until  milliseconds since the epoch, until exclusive; null for the beginning and the end of the ledger.
 * errors       Failure where there is no entry, or the ledger was changed between the two passes; those of the disk.
 */
export async function readLedger(
  options: VerifyOptions,
  period: { readonly from: number | null; readonly until: number | null },
): Promise<Reading> {
  const verification = await verifyLedger(options)
  const { head, tree } = verification
  if (head === null) {
    const message = `there is no ledger to report on in ${options.directory}; name the gate's directory with --data DIR`
    throw new Failure('ledger-unavailable', message)
  }
  const wanted = { from: period.from ?? -Infinity, until: period.until ?? Infinity }
  const tally = tallyOf(options.directory, wanted, head.seq)
  if (tree !== null && (tally.size !== tree.size || tally.root() !== tree.root)) {
    const message = `${options.directory} was changed while it was read; make the report again, and if it says so again, run haltgate audit verify`
    throw new Failure('ledger-unavailable', message)
  }
  const from = period.from ?? tally.begin ?? 0
  const until = period.until ?? (tally.end ?? 0) + 1
  return { verification, tally, span: { from, until: Math.max(until, from + 1) } }
}

/** Which report. */
export type Wanted =
  | { readonly kind: 'compliance'; readonly frameworks: readonly ReportFramework[] }
  | { readonly kind: 'debrief' }

/** What it says. errors  Failure where the catalogue of controls cannot be read. */
export async function contentOf(wanted: Wanted, subject: Subject): Promise<Content> {
  if (wanted.kind === 'debrief') return debriefContent(subject)
  return complianceContent(subject, await loadCatalogue(), wanted.frameworks)
}

/** The bytes of the file. */
export async function fileOf(content: Content, format: ReportFormat): Promise<Buffer> {
  return format === 'html' ? Buffer.from(htmlOf(content)) : pdfOf(content)
}
