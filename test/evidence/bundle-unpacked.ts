/** Bundles made and unpacked in an empty directory, and an auditor who types what their README says. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { writeBundle } from '../../evidence/bundle/bundle.ts'
import type { Scope } from '../../evidence/bundle/choose.ts'
import { madeFile } from '../../evidence/export/sink.ts'
import type { AnchorReading } from '../../ledger/anchor.ts'
import type { Filled } from './export-ledgers.ts'

function place(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-bundle-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A PATH with these programs and nothing else. */
function narrowPath(t: Test): string {
  const bin = join(place(t), 'bin')
  mkdirSync(bin)
  for (const name of ['sh', 'python3', 'openssl', 'tar', 'sha256sum']) {
    const command = name === 'python3' ? 'import sys; print(sys.executable)' : ''
    const path =
      command === ''
        ? execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
        : execFileSync('python3', ['-c', command], { encoding: 'utf8' }).trim()
    symlinkSync(path, join(bin, name))
  }
  return bin
}

export interface Made {
  readonly tar: string
  readonly sha256: string
  readonly directory: string
  readonly bin: string
}

export async function bundled(
  t: Test,
  { policies, world }: Filled,
  { anchors = null, scope }: { readonly scope: Scope; readonly anchors?: AnchorReading | null },
): Promise<Made> {
  const home = place(t)
  const tar = join(home, 'bundle.tar')
  const order = {
    directory: world.place.directory,
    lockFile: world.place.lockFile,
    policies,
    scope,
    version: '0.0.0',
    anchors,
  }
  await madeFile(tar, (sink) => writeBundle(order, sink))
  const directory = join(home, 'unpacked')
  mkdirSync(directory)
  const bin = narrowPath(t)
  execFileSync('tar', ['-xf', '../bundle.tar'], { cwd: directory, env: { PATH: bin } })
  const sha256 = createHash('sha256').update(readFileSync(tar)).digest('hex')
  return { tar, sha256, directory, bin }
}

export interface Ran {
  readonly status: number | null
  readonly output: string
}

export function run({ bin, directory }: Made, script: string): Ran {
  const options = { cwd: directory, env: { PATH: bin }, encoding: 'utf8' as const }
  const { status, stderr, stdout } = spawnSync('sh', ['-c', script], options)
  return { status, output: `${stdout}${stderr}` }
}

/** The commands of the README, each with the lines that it must print, as an auditor reads them there. */
function stepsOf({ directory }: Made): readonly { script: string; expected: readonly string[] }[] {
  const text = readFileSync(join(directory, 'README.md'), 'utf8')
  const blocks = [...text.matchAll(/```(sh|text)\n([\s\S]*?)\n```/g)]
  return blocks.flatMap(([, language, body = ''], index) => {
    if (language !== 'sh') return []
    const next = blocks[index + 1]
    const expected = next?.[1] === 'text' ? (next[2] ?? '').split('\n') : []
    return [{ script: body, expected }]
  })
}

export function follow(t: Test, made: Made): readonly Ran[] {
  return stepsOf(made).map(({ expected, script }) => {
    const ran = run(made, script)
    const lines = ran.output.split('\n')
    for (const line of expected) t.ok(lines.includes(line), `${script}\n  prints ${line}`)
    return ran
  })
}
