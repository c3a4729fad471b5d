/** Makes a bundle for an audit by SOC 2: for each control its entries, how they were chosen, and proofs of a sample. */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { Failure } from '../../kernel/reasons.ts'
import { isSelected, type Selection } from '../export/select.ts'
import type { Sink } from '../export/sink.ts'
import { packNotes, programText } from './notes.ts'
import { Population } from './population.ts'
import { proofsOf } from './proofs.ts'
import { soc2Controls } from './soc2-controls.ts'
import { indexOf, type Soc2Described, soc2ReadmeOf } from './soc2-readme.ts'
import { type Survey, survey } from './survey.ts'
import { Tar } from './tar.ts'

export interface Soc2Order {
  /** Of the ledger. */
  readonly directory: string
  readonly selection: Selection
  /** An empty directory for what is written aside meanwhile; as large as all populations together. */
  readonly aside: string
  /** Of haltgate. */
  readonly version: string
}

export interface Soc2Bundled {
  readonly controls: readonly {
    readonly id: string
    readonly entries: number
    readonly sample: number
  }[]
  readonly covered: number
  /** SHA-256 of manifest.json. */
  readonly manifest: string
}

/** errors  Failure where the ledger is not sound, or the period is empty; those of the file system. */
export async function writeSoc2(order: Soc2Order, sink: Sink): Promise<Soc2Bundled> {
  const populations = soc2Controls.map((control) => new Population(control, order.aside))
  const period = { entries: 0, first: '', last: '', from: -1, to: -1 }
  let found: Survey
  try {
    found = survey(order.directory, (line) => {
      const { entry } = line
      if (!isSelected(entry, order.selection)) return
      if (period.entries === 0) Object.assign(period, { first: entry.ts, from: entry.seq })
      Object.assign(period, { last: entry.ts, to: entry.seq })
      period.entries += 1
      for (const population of populations) population.take(line)
    })
  } finally {
    for (const population of populations) population.close()
  }
  if (period.entries === 0) {
    const message = 'the ledger has no entry in this period; widen --from and --to'
    throw new Failure('ledger-unavailable', message)
  }
  const described = { survey: found, populations, period, version: order.version }
  const tar = new Tar(sink)
  await tar.text('README.md', soc2ReadmeOf(described))
  await packPopulations(tar, described)
  await packNotes(tar, found, null)
  await packSamples(tar, order.directory, described)
  await tar.text('check-proof.py', programText('verify-bundle/check-proof.py'))
  const manifest = manifestOf(described, tar)
  await tar.text('manifest.json', manifest)
  const sums = tar.packed.map(({ name, sha256 }) => `${sha256}  ${name}\n`)
  await tar.text('SHA256SUMS', sums.join(''))
  await tar.close()
  const covered = found.held?.note.size ?? 0
  return {
    controls: populations.map((population) => ({
      id: population.control.id,
      entries: population.count,
      sample: population.sample(covered).length,
    })),
    covered,
    manifest: createHash('sha256').update(manifest).digest('hex'),
  }
}

async function packPopulations(tar: Tar, described: Soc2Described): Promise<void> {
  for (const population of described.populations) {
    const { control, paths } = population
    await tar.text(`${control.id}/index.md`, indexOf(population, described))
    await tar.file(`${control.id}/population.jsonl`, paths.jsonl, statSync(paths.jsonl).size)
    await tar.file(`${control.id}/population.csv`, paths.csv, statSync(paths.csv).size)
  }
}

/** All proofs from one pass; an entry that bears on two controls is proven in both folders. */
async function packSamples(
  tar: Tar,
  directory: string,
  { populations, survey: { held } }: Soc2Described,
): Promise<void> {
  if (held === null) return
  const all = new Set(populations.flatMap((one) => one.sample(held.note.size)))
  if (all.size === 0) return
  const seqs = [...all].sort((one, other) => one - other)
  const proofs = new Map<number, string>()
  for (const { proof, seq } of proofsOf(directory, held, seqs)) proofs.set(seq, proof)
  for (const population of populations) {
    for (const seq of population.sample(held.note.size)) {
      await tar.text(`${population.control.id}/sample/${seq}.tlog-proof`, proofs.get(seq) ?? '')
    }
  }
}

/** Canonical JSON: keys ascend. */
function manifestOf(
  { period, populations, survey: found, version }: Soc2Described,
  tar: Tar,
): string {
  const { genesis, head, held, root } = found
  const covered = held?.note.size ?? 0
  return JSON.stringify({
    checkpoint: held === null ? null : { root: held.note.root, size: held.note.size },
    controls: populations.map((population) => ({
      entries: population.count,
      id: `soc-2/${population.control.id}`,
      sample: population.sample(covered),
    })),
    files: tar.packed.map(({ bytes, name, sha256 }) => ({ bytes, name, sha256 })),
    haltgate: version,
    head: { hash: head.hash, seq: head.seq },
    log_id: genesis.log_id,
    origin: genesis.origin,
    period: {
      entries: period.entries,
      first: period.first,
      from: period.from,
      last: period.last,
      to: period.to,
    },
    spec: 'haltgate-soc2/1',
    tree: { root, size: head.seq + 1 },
  })
}
