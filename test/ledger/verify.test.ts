/** The verifier against ledgers written by hand: every kind of damage, at several places, and the one in Python. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { verifyLedger } from '../../ledger/verify.ts'
import type { Report } from '../../ledger/verify-report.ts'
import { borders, contents, tails } from './verify-borders.ts'
import { flips, lines, three } from './verify-damage.ts'
import { writeLedger } from './verify-ledgers.ts'

interface Answer {
  readonly exit: number
  readonly codes: readonly string[]
  readonly seqs: readonly (number | null)[]
  readonly report: Report
}

async function answerOf(directory: string): Promise<Answer> {
  const report = await verifyLedger({ directory })
  const codes = [...new Set(report.findings.map((finding) => finding.code))].sort()
  return { exit: report.exit, codes, seqs: report.findings.map(({ seq }) => seq), report }
}

/** Runs docs/verify.py as it is, once for each directory, in one process: Python starts slowly. */
const driver = `
import contextlib, io, json, runpy, sys
for directory in sys.stdin.read().split():
    out, sys.argv = io.StringIO(), ["verify.py", directory]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try: runpy.run_path("docs/verify.py", run_name="__main__"); code = 0
        except SystemExit as exit: code = exit.code
    print(json.dumps([code, out.getvalue()]))
`

/** What docs/verify.py must answer: exit, head, root. */
interface Compared {
  readonly name: string
  readonly directory: string
  readonly exit: number
  readonly lines: readonly string[]
}

function comparedOf(name: string, directory: string, { exit, report }: Answer): Compared {
  const { head, tree } = report
  const lines = [
    head === null ? 'head none' : `head ${head.seq} ${head.hash}`,
    `root ${tree?.root ?? 'none'}`,
  ]
  return { name, directory, exit, lines }
}

function comparePython(t: Test, list: readonly Compared[]): void {
  const input = list.map(({ directory }) => directory).join('\n')
  const run = spawnSync('python3', ['-c', driver], { encoding: 'utf8', input })
  const answers = run.stdout.trim().split('\n')
  t.equal(answers.length, list.length, run.stderr)
  for (const [index, { exit, lines, name }] of list.entries()) {
    const answer: unknown = JSON.parse(answers[index] ?? '[]')
    const [code, text] = Array.isArray(answer) ? answer : []
    t.equal(code, exit, `python agrees on the exit of ${name}: ${text}`)
    t.same(String(text).split('\n').slice(0, 2), lines, `python agrees on head and root of ${name}`)
  }
}

for (const { name, list } of [
  { name: 'a changed byte in any member of any entry is found', list: flips },
  { name: 'lines that are gone, moved, doubled, forged or no lines are found', list: lines },
  { name: 'a right hash does not excuse a wrong body', list: contents },
  { name: 'what stands at the borders of segments is compared with the files', list: borders },
  { name: 'a torn tail is incomplete, and nothing worse', list: tails },
]) {
  test(name, async (t) => {
    const compared: Compared[] = []
    const directory = t.testdir()
    for (const [index, { codes, damage, exit, name, seq, shape }] of list.entries()) {
      const ledger = writeLedger(join(directory, String(index)), shape ?? three)
      damage?.(ledger)
      const answer = await answerOf(ledger.directory)
      const texts = answer.report.findings.map(({ message }) => message).join(' ')
      t.equal(answer.exit, exit, `the exit of ${name}: ${texts}`)
      t.equal(answer.codes.join(), [...codes].sort().join(), `the codes of ${name}`)
      if (seq !== undefined) t.equal(answer.seqs[0], seq, `the entry of ${name}`)
      if (exit === 0) t.equal(answer.report.tree?.root, ledger.root, `the root of ${name}`)
      compared.push(comparedOf(name, ledger.directory, answer))
    }
    comparePython(t, compared)
  })
}
