/** What a SOC 2 bundle says of itself: README.md, and index.md of each control. */
import { type Population, sampleMax } from './population.ts'
import { quoted, shellWord } from './readme.ts'
import type { Survey } from './survey.ts'

/** What of the ledger was asked for. */
export interface Period {
  readonly entries: number
  /** Times of the first and last entry, and their seqs. */
  readonly first: string
  readonly last: string
  readonly from: number
  readonly to: number
}

export interface Soc2Described {
  readonly survey: Survey
  readonly populations: readonly Population[]
  readonly period: Period
  readonly version: string
}

export function soc2ReadmeOf(described: Soc2Described): string {
  const { period, populations, survey, version } = described
  const { genesis, head, held } = survey
  const covered = held?.note.size ?? 0
  const rows = populations.map((population) => {
    const { control, count } = population
    return `| [${control.id}](${control.id}/index.md) | ${control.title} | ${count} | ${population.sample(covered).length} |`
  })
  return [
    '# Evidence for an audit by SOC 2',
    '',
    `Made by haltgate ${version} out of its ledger. It evidences; it makes nobody compliant, and what it is worth is the`,
    "auditor's to say. Ids are those of TSP 100 (2017, points of focus of 2022); titles are our own few words.",
    '',
    '| | |',
    '|---|---|',
    `| log | ${quoted(genesis.origin)} |`,
    `| log id | ${quoted(genesis.log_id)} |`,
    `| period | ${period.first} to ${period.last}: entries ${period.from} to ${period.to}, ${period.entries} of them |`,
    `| head when it was packed | entry ${head.seq}, ${head.hash} |`,
    `| checkpoint | ${held === null ? 'none: the log is not signed' : `${covered} entries, root ${held.note.root}`} |`,
    '',
    '| control | | entries | proven sample |',
    '|---|---|---|---|',
    ...rows,
    '',
    'In each folder: `index.md`, the population as stored lines (`population.jsonl`) and as a table (`population.csv`), and',
    'in `sample/` proofs that entries of it are in the signed log.',
    '',
    checksOf(survey),
  ].join('\n')
}

function checksOf({ held, keys }: Survey): string {
  const lines = [
    '## How to check it',
    '',
    'Python 3 (3.9 or newer) and openssl (3.0 or newer), no network, nothing of haltgate.',
    '',
    '```sh',
    "sha256sum --check --quiet SHA256SUMS && echo 'as packed'",
    '```',
    '',
    'It prints:',
    '',
    '```text',
    'as packed',
    '```',
    '',
    'Each line of a population has its own hash, so a changed one shows:',
    '',
    '```sh',
    'for file in */population.jsonl; do python3 check-proof.py --lines "$file" || exit 1; done',
    '```',
    '',
    'It ends with:',
    '',
    '```text',
    'OK',
    '```',
    '',
  ]
  if (held === null) {
    lines.push(
      'The log has no signed checkpoint, so nothing more can be proven of these lines.',
      '',
    )
    return lines.join('\n')
  }
  lines.push(
    'Each proof of a sample leads to the root that the key of the log signed. Compare the key behind `--key` with the one that',
    'you were given by another way:',
    '',
    '```sh',
    `python3 check-proof.py --key ${shellWord(keys[0]?.vkey ?? '')} --proof */sample/*.tlog-proof`,
    '```',
    '',
    'It ends with:',
    '',
    '```text',
    'OK',
    '```',
    '',
    'That a population is complete follows from the ledger alone: `haltgate audit export --bundle` packs the segments, and',
    'the rule in `index.md` picks the same entries out of them. The gate decides for what reaches it; what goes around it is',
    'in no population.',
    '',
  )
  return lines.join('\n')
}

/** index.md of one control. */
export function indexOf(population: Population, { period, survey }: Soc2Described): string {
  const { byKind, control, count, named, range } = population
  const sample = population.sample(survey.held?.note.size ?? 0)
  return [
    `# soc-2/${control.id}: ${control.title}`,
    '',
    '## Population',
    '',
    `${count} of the ${period.entries} entries from ${period.from} to ${period.to} (${period.first} to ${period.last})${count === 0 ? '' : `; the first is ${range.from}, the last ${range.to}`}.`,
    '',
    `The rule: ${control.population}; and each entry whose \`data.controls\` holds \`soc-2/${control.id}\`, since the domain that judged it`,
    `named the control. ${named} are there by the second half alone. Nothing was chosen by hand.`,
    '',
    '| kind | entries |',
    '|---|---|',
    ...byKind.map(([kind, entries]) => `| ${quoted(kind)} | ${entries} |`),
    '',
    '## Sample',
    '',
    `The ${sampleMax} entries of the population with the smallest hashes, or all where there are fewer, as far as the checkpoint`,
    'covers them. A hash is nobody’s choice, and whoever asks again finds the same entries.',
    '',
    sample.length === 0
      ? 'None.'
      : sample.map((seq) => `[${seq}](sample/${seq}.tlog-proof)`).join(' '),
    '',
    '## What it shows',
    '',
    `The entries show ${control.shows}.`,
    '',
    '## What it does not show',
    '',
    `They do not show ${control.not}. A population without entries shows that nothing of the kind passed the gate in this`,
    'period; whether anything should have is not in the ledger.',
    '',
  ].join('\n')
}
