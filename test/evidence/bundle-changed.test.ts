/** Whoever changes a bundle on purpose, hashes of the manifest and all, is found out by its check. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import type { Scope } from '../../evidence/bundle/choose.ts'
import { bundled, type Made, run } from './bundle-unpacked.ts'
import { filledLedger } from './export-ledgers.ts'

/** Puts the right hashes into the manifest again, as whoever changed a file on purpose would. */
function repack({ directory }: Made): void {
  const path = join(directory, 'manifest.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as {
    files: { name: string; bytes: number; sha256: string }[]
  }
  manifest.files = manifest.files.filter(({ name }) => existsSync(join(directory, name)))
  for (const file of manifest.files) {
    const bytes = readFileSync(join(directory, file.name))
    file.bytes = bytes.length
    file.sha256 = createHash('sha256').update(bytes).digest('hex')
  }
  writeFileSync(path, JSON.stringify(manifest))
}

function changed(made: Made, name: string, change: (text: string) => string): void {
  const path = join(made.directory, name)
  writeFileSync(path, change(readFileSync(path, 'latin1')), 'latin1')
}

/** Rewrites a segment with right hashes from a changed line on: what only a signature finds. */
function rewritten(text: string): string {
  let prev = ''
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      let body = `${line.slice(0, -75)}}`.replace('/a/44"', '/b/44"')
      if (prev !== '') body = body.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`)
      prev = createHash('sha256').update(Buffer.of(0)).update(body).digest('hex')
      return `${body.slice(0, -1)},"hash":"${prev}"}\n`
    })
    .join('')
}

/** What somebody could change on purpose: of the segment that holds one entry, of its proof, of what is signed. */
function changesOf(segment: string): readonly (readonly [string, (made: Made) => void])[] {
  const lines = `ledger/${segment}`
  return [
    [
      'a byte of a line',
      (made) => changed(made, lines, (text) => text.replace('/a/44"', '/b/44"')),
    ],
    ['a line and all hashes behind it', (made) => changed(made, lines, rewritten)],
    [
      'a proof',
      (made) =>
        changed(made, 'proofs/70.tlog-proof', (text) =>
          text.replace(/\nindex 70\n/, '\nindex 71\n'),
        ),
    ],
    [
      'a hash of a proof',
      (made) =>
        changed(made, 'proofs/70.tlog-proof', (text) =>
          text.replace(/(\nindex 70\n)(\S+)/, `$1${Buffer.alloc(32).toString('base64')}`),
        ),
    ],
    [
      'the size of the checkpoint',
      (made) =>
        changed(made, 'checkpoint', (text) =>
          text.replace(/\n(\d+)\n/, (_, size: string) => `\n${Number(size) + 1}\n`),
        ),
    ],
    [
      'the signature',
      (made) =>
        changed(made, 'checkpoint', (text) =>
          text.replace(
            /(.)(.{8})\n$/,
            (_, one: string, rest: string) => `${one === 'A' ? 'B' : 'A'}${rest}\n`,
          ),
        ),
    ],
    [
      'a handover',
      (made) =>
        rmSync(
          join(
            made.directory,
            'handovers',
            readdirSync(join(made.directory, 'handovers'))[0] ?? '',
          ),
        ),
    ],
    [
      'the keys',
      (made) => changed(made, 'vkeys.txt', (text) => text.split('\n').slice(1).join('\n')),
    ],
    [
      'a line is cut out',
      (made) => changed(made, lines, (text) => text.replace(/\n[^\n]*\/a\/44"[^\n]*\n/, '\n')),
    ],
  ]
}

test('a change on purpose, with a new manifest, is found', async (t) => {
  const filled = await filledLedger(t)
  const scope: Scope = { kind: 'range', from: 60, to: 80 }
  const pristine = await bundled(t, filled, { scope })
  t.equal(run(pristine, 'python3 check-proof.py .').status, 0)
  const [segment = ''] = readdirSync(join(pristine.directory, 'ledger'))
    .filter((name) => name.endsWith('.jsonl'))
    .filter((name) =>
      readFileSync(join(pristine.directory, 'ledger', name), 'utf8').includes('/a/44"'),
    )
  for (const [name, change] of changesOf(segment)) {
    const made = await bundled(t, filled, { scope })
    change(made)
    const seen = run(made, 'python3 check-proof.py .')
    t.equal(seen.status, 1, `${name}: the manifest says so: ${seen.output}`)
    repack(made)
    const { output, status } = run(made, 'python3 check-proof.py .')
    t.equal(status, 1, `${name}: ${output}`)
    t.match(output, /^WRONG$/m)
    t.notMatch(output, /Traceback/)
  }
})

test('a key that is not the pinned one is refused, and a file that nobody packed', async (t) => {
  const filled = await filledLedger(t)
  const made = await bundled(t, filled, { scope: { kind: 'all' } })
  const other = await bundled(t, await filledLedger(t), { scope: { kind: 'all' } })
  const [key = ''] = readFileSync(join(other.directory, 'vkeys.txt'), 'utf8').split('\n')
  t.equal(run(made, `python3 check-proof.py --key '${key}' .`).status, 1)
  t.equal(run(made, 'python3 check-proof.py --nonsense .').status, 2)
  t.equal(run(made, 'python3 check-proof.py nowhere').status, 1)
  writeFileSync(join(made.directory, 'proofs', 'x'), '')
  t.match(run(made, 'python3 check-proof.py .').output, /proofs\/x: nobody packed it/)
})
