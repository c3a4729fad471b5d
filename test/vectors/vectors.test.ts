/** The test vectors: what lies in the repository is what is made, and every verifier answers what they say. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { checkProof } from '../../evidence/proof/check.ts'
import { verifyConsistency } from '../../evidence/proof/verify.ts'
import { parseVkey } from '../../ledger/note.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { ledgerCases } from './cases.ts'
import { keys, spaced } from './ledgers.ts'
import { folder, vectorFiles } from './make.ts'
import { consistencyCases, inclusionCases } from './proofs.ts'

function python(words: readonly string[]): { readonly exit: number | null; readonly text: string } {
  const run = spawnSync('python3', ['docs/verify.py', ...words], { encoding: 'utf8' })
  return { exit: run.status, text: `${run.stdout}${run.stderr}` }
}

function write(directory: string, files: ReadonlyMap<string, Buffer>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), bytes)
  }
}

test('the files in the repository are those that are made, and no others', async (t) => {
  const files = vectorFiles()
  const there = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name).slice(folder.length + 1))
  t.same(there.sort(), [...files.keys()].sort())
  for (const [path, bytes] of files) t.ok(readFileSync(join(folder, path)).equals(bytes), path)
})

for (const { codes, exit, files, key, name, what } of ledgerCases()) {
  test(`both verifiers answer ${exit} ${codes.join()} where ${what} (${name})`, async (t) => {
    const directory = t.testdir()
    write(directory, files)
    // At level chain nobody asked how late a signature came; verify.py always does.
    const require = name.includes('unsigned') ? 'chain' : 'signed'
    const report = await verifyLedger({ directory, require, ...(key === '' ? {} : { key }) })
    const texts = report.findings.map((finding) => `${finding.code} ${finding.message}`).join(' ')
    t.equal(report.exit, exit, texts)
    t.equal([...new Set(report.findings.map(({ code }) => code))].sort().join(), codes.join())
    const answer = python([directory, ...(key === '' ? [] : ['--key', key])])
    t.equal(answer.exit, exit, answer.text)
    for (const code of codes.filter((one) => exit < 4 && /^(CP_SIG|CP_ROOT|KEY)/.test(one))) {
      t.match(answer.text, code)
    }
  })
}

test('both verifiers count the same entries between two checkpoints', async (t) => {
  const { vkey } = keys.first
  for (const [distance, first, exit] of [
    [1_024, vkey, 0],
    [1_025, vkey, 1],
    // Nothing was signed before the log adopted its key.
    [1_500, '', 0],
  ] as const) {
    const directory = t.testdir()
    write(directory, spaced(distance, first))
    const report = await verifyLedger({ directory, key: vkey })
    t.equal(report.exit, exit, `${distance}: ${JSON.stringify(report.findings)}`)
    const answer = python([directory, '--key', vkey])
    t.equal(answer.exit, exit, `${distance}: ${answer.text}`)
  }
})

test('docs/ledger.md shows a note of the vectors, and openssl verifies it as it says', async (t) => {
  const text = readFileSync('docs/ledger.md', 'utf8')
  const note = readFileSync(join(folder, 'ledgers/whole/checkpoint'), 'utf8')
  t.match(text, `\`\`\`text\n${note}\`\`\``)
  const [, shell = ''] = /```sh\n(key=[^`]*)```/.exec(text) ?? []
  const run = (bytes: string): string => {
    const cwd = t.testdir({ checkpoint: bytes })
    return spawnSync('sh', ['-c', shell], { cwd, encoding: 'utf8' }).stdout
  }
  t.match(run(note), /Signature Verified Successfully/)
  t.match(run(note.replace('\n16\n', '\n15\n')), /Verification Failure/)
})

test('haltgate believes a proof where it is right, and nowhere else', async (t) => {
  for (const { good, key, line, name, proof, what } of inclusionCases()) {
    const answer = checkProof(proof, { line: line.toString(), key: parseVkey(key) })
    t.equal(answer.exit === 0, good, `${name}: ${what}: ${answer.sentence}`)
  }
  for (const { from, from_root, good, name, proof, to, to_root } of consistencyCases()) {
    const [fromRoot = Buffer.alloc(0), toRoot = Buffer.alloc(0), ...hashes] = [
      from_root,
      to_root,
      ...proof,
    ].map((hex) => Buffer.from(hex, 'hex'))
    t.equal(verifyConsistency({ from, to, fromRoot, toRoot, hashes }), good, name)
  }
})

test('verify.py believes a proof of an entry where it is right, and nowhere else', async (t) => {
  for (const { good, key, line, name, proof, what } of inclusionCases()) {
    const directory = t.testdir({ proof, line })
    const words = ['--proof', join(directory, 'proof'), '--line', join(directory, 'line')]
    const { exit, text } = python([...words, '--key', key])
    t.equal(exit, good ? 0 : 1, `${name}: ${what}: ${text}`)
  }
})
