/** README.md of a bundle: what an auditor types, offline, with Python 3 and openssl, and what it must print. */
import type { Chosen, Scope } from './choose.ts'
import type { Survey } from './survey.ts'

export interface Described {
  readonly survey: Survey
  readonly chosen: Chosen
  readonly scope: Scope
  /** True where all segments are in the bundle. */
  readonly isWhole: boolean
  /** Segments in the bundle. */
  readonly segments: number
  /** Whether the anchors that were read are in it. */
  readonly anchors: number
  /** Policies that decided and are not kept any more. */
  readonly missingPolicies: readonly string[]
  readonly version: string
}

const block = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\`\n`

const command = (text: string): string => block('sh', text)

const output = (text: string): string => `Among what it prints:\n\n${block('text', text)}`

export function readmeOf(described: Described): string {
  const { held } = described.survey
  const parts = [
    aboutOf(described),
    filesOf(described),
    '## 1. The files are those that were packed\n',
    command("sha256sum --check --quiet SHA256SUMS && echo 'as packed'"),
    output('as packed'),
    'This finds damage on the way. It proves nothing about who packed them: the next steps do.\n',
    held === null ? unsignedOf(described) : signedOf(described, held.text),
    described.isWhole ? wholeOf(described) : partialOf(described),
    limitsOf(described),
  ]
  return parts.join('\n')
}

function aboutOf({ chosen, scope, survey, version }: Described): string {
  const { genesis, head } = survey
  const asked =
    scope.kind === 'all'
      ? 'the whole ledger'
      : scope.kind === 'range'
        ? `the entries ${scope.from} to ${scope.to}`
        : `run ${quoted(scope.run)} of agent ${quoted(scope.agent)}`
  const range = chosen.range === null ? 'none' : `${chosen.range.from} to ${chosen.range.to}`
  return [
    '# Evidence bundle',
    '',
    `Made by haltgate ${version} out of a ledger. Nothing of haltgate is needed to check it: Python 3 (3.9 or newer) and`,
    'openssl (3.0 or newer) are, and no network.',
    '',
    '| | |',
    '|---|---|',
    `| log | ${quoted(genesis.origin)} |`,
    `| log id | ${quoted(genesis.log_id)} |`,
    `| head when it was packed | entry ${head.seq}, ${head.hash} |`,
    `| asked for | ${asked} |`,
    `| entries of it | ${chosen.entries} (seq ${range}), ${chosen.refusals} of them refusals or halts |`,
    `| proofs | ${chosen.proofs.length}${proofsWord(chosen)} |`,
    '',
    'Unpack it in an empty directory, and work there: `tar -xf BUNDLE.tar`.',
    '',
  ].join('\n')
}

function proofsWord({ entries, isEach, proofs }: Chosen): string {
  if (isEach) return ', one for each entry'
  if (entries > proofs.length && entries > 1_000) {
    return ': of the first entry, the last that is covered, and refusals as far as 1,000 go'
  }
  return ', one for each entry that the checkpoint covers'
}

/** Names come from outside: in a table of Markdown they must not be more than text. */
export function quoted(text: string): string {
  return `\`${text.replace(/[\u0000-\u001f\u007f`|]/g, ' ')}\``
}

/** One word of a shell, whatever is in it: the name of a log is whatever its ledger says. */
export function shellWord(text: string): string {
  return `'${text.replace(/'/g, "'\\''")}'`
}

/** As check-proof.py prints it. */
function plain(text: string): string {
  return text.replace(/[^ -~]/gu, '?')
}

function filesOf({ anchors, missingPolicies, survey }: Described): string {
  const rows = [
    [
      '`ledger/`',
      'segments as they lie on the disk, byte for byte, and the snapshots that they name',
    ],
    ...(survey.held === null
      ? []
      : [
          ['`checkpoint`', 'the newest signed note: size and root of the tree over all entries'],
          ['`proofs/`', 'proofs of inclusion, `SEQ.tlog-proof`: each holds its entry and the note'],
          [
            '`vkeys.txt`, `handovers/`',
            'the keys of the log, and the notes by which one named the next',
          ],
          ['`key.pem`', 'the key that signed `checkpoint`, for openssl; then the others'],
        ]),
    ['`policy/`', 'the policies that decided, by their SHA-256'],
    ...(anchors === 0 ? [] : [['`anchors/`', 'notes that were held in write-once storage']]),
    ['`check-proof.py`', 'checks all of this; plain Python that shares no code with haltgate'],
    ['`verify.py`', 'verifies a whole ledger; plain Python, too'],
    ['`manifest.json`', 'names, bytes and SHA-256 of the files, and what was asked for'],
  ]
  const missing =
    missingPolicies.length === 0
      ? ''
      : `\nMissing, since the gate no longer keeps them: ${missingPolicies.join(', ')}.\n`
  return [
    '| file | what it is |',
    '|---|---|',
    ...rows.map(([name, what]) => `| ${name} | ${what} |`),
    missing,
  ].join('\n')
}

function signedOf({ chosen, survey }: Described, note: string): string {
  const [, size = '', root = ''] = note.split('\n')
  const first = survey.keys[0]?.vkey ?? ''
  return [
    '## 2. The checkpoint is signed\n',
    'By hand: the text of the note is all before its blank line, and the signature is the last 64 bytes of the base64',
    'behind the name. This takes them apart, and openssl does the rest.\n',
    command(
      [
        "python3 -c 'import base64",
        'text, _, below = open("checkpoint", encoding="utf-8").read().rpartition("\\n\\n")',
        'name = text.split("\\n")[0]',
        'mine = [line.split(" ")[2] for line in below.splitlines() if line.split(" ")[1] == name]',
        'open("note.txt", "wb").write(text.encode() + b"\\n")',
        'open("note.sig", "wb").write(base64.b64decode(mine[0])[4:])\'',
        'openssl pkeyutl -verify -rawin -pubin -inkey key.pem -sigfile note.sig -in note.txt',
      ].join('\n'),
    ),
    output('Signature Verified Successfully'),
    '## 3. Keys, chain and proofs\n',
    'Whoever packed a bundle could have packed another key with it. Compare the first line of `vkeys.txt` with the key that',
    'you wrote down when the log began, or were given by another way, and put yours behind `--key`:\n',
    command(`python3 check-proof.py --key ${shellWord(first)} .`),
    output(expectedOf(survey, size, root)),
    'The last line must be `OK`, and the exit code 0; anything else is 1. It means: the keys lead from the one behind',
    '`--key` to the one that signed; each line of the segments has its own hash and names the hash of the one before; each',
    'proof leads from its entry to the root that was signed; all files are those of the manifest.\n',
    ...oneOf(chosen),
  ].join('\n')
}

function oneOf({ proofs }: Chosen): readonly string[] {
  const [first] = proofs
  if (first === undefined) return []
  return [
    'One proof by itself, with the entry that it is about:\n',
    command(`python3 check-proof.py --show --proof proofs/${first}.tlog-proof`),
    output(`entry ${first} is in the signed tree\nOK`),
  ]
}

function expectedOf({ genesis, keys }: Survey, size: string, root: string): string {
  return [
    `log         ${plain(genesis.origin)} ${plain(genesis.log_id)}`,
    `key         as pinned, ${keys.length - 1} handovers`,
    `checkpoint  ${size} ${Buffer.from(root, 'base64').toString('hex')}`,
  ].join('\n')
}

function unsignedOf({ survey }: Described): string {
  return [
    '## 2. The chain\n',
    'This log has no signed checkpoint, so there are no proofs: the chain agrees with itself, and only a head that was kept',
    'elsewhere tells whether it was rewritten.\n',
    command('python3 check-proof.py .'),
    output(
      `log         ${plain(survey.genesis.origin)} ${plain(survey.genesis.log_id)}\nkey         none`,
    ),
    'The last line must be `UNSIGNED`, and the exit code 3.\n',
  ].join('\n')
}

function wholeOf({ survey }: Described): string {
  const { head, held, keys, root, torn } = survey
  const isCovered = held !== null && held.note.size === head.seq + 1
  const isOk = torn === 0 && (isCovered || keys.length === 0)
  const why =
    torn > 0
      ? 'a crash left a torn tail behind the last entry'
      : 'entries came behind the last checkpoint'
  return [
    '## The whole ledger\n',
    command('python3 verify.py ledger'),
    output(`head ${head.seq} ${head.hash}\nroot ${root}`),
    isOk
      ? 'The last line is `OK`. `INCOMPLETE` comes with a sentence that says what it is about.\n'
      : `The last line is \`INCOMPLETE\`, and the exit code 3: ${why}.\n`,
  ].join('\n')
}

function partialOf({ segments }: Described): string {
  return [
    '## A part of the ledger\n',
    `Of the ledger, ${segments} ${segments === 1 ? 'segment is' : 'segments are'} here, so \`verify.py\` has nothing to begin with: it reads a ledger from its first entry. What ties`,
    'these segments to the whole is the proof of the last entry that was asked for: each line names the hash of the one',
    'before, so that entry vouches for all lines before it in these files. `check-proof.py` says how far that goes.\n',
  ].join('\n')
}

function limitsOf({ chosen, survey }: Described): string {
  const covered = survey.held?.note.size ?? 0
  const last = chosen.range?.to ?? -1
  const open =
    survey.held !== null && last >= covered
      ? `\nEntries from ${covered} on came behind the checkpoint: they are chained, and not signed yet.\n`
      : ''
  return [
    '## What it does not show\n',
    'That the log is the only one of this gate; that what went around the gate did not happen; that the clock of the gate was',
    'right. A signature says which key signed, and not who held it. An anchor or a witness outside of the machine narrows the',
    'first; the ledger alone does not.',
    open,
  ].join('\n')
}
