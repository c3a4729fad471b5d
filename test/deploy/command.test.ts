/** `haltgate inject` and `haltgate uninject` over files: what they print, where, and with which exit code. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { inject, uninject } from '../../cli/inject.ts'
import { unifiedDiff } from '../../cli/inject-diff.ts'
import { injectText } from '../../cli/inject-manifest.ts'
import { UsageError } from '../../cli/settings.ts'
import { makeDirectory } from '../e2e/world.ts'
import { manifest, manifestsOf, usual } from './manifests.ts'

type Flags = Readonly<Record<string, unknown>>

interface Said {
  readonly code: number
  readonly output: string
  readonly errors: string
}

async function said(command: typeof inject, flags: Flags): Promise<Said> {
  const heard = { output: '', errors: '' }
  const code = await command(flags, {
    write: (text) => {
      heard.output += text
    },
    print: (sentence) => {
      heard.errors += `${sentence}\n`
    },
    now: Date.now(),
  })
  return { code, ...heard }
}

test('files go in and come out, and are not written to', async (t) => {
  const directory = makeDirectory(t)
  const file = join(directory, 'pod.yaml')
  writeFileSync(file, manifest('plain'))
  const once = await said(inject, { file: [file] })
  t.same([once.code, once.errors], [0, ''])
  t.equal(once.output, injectText(manifest('plain'), usual).text)
  t.equal(readFileSync(file, 'utf8'), manifest('plain'))
  writeFileSync(file, once.output)
  const back = await said(uninject, { file: [file] })
  t.equal(back.output, manifest('plain'))
  t.equal(
    (await said(inject, { file: [file], diff: true })).output,
    '',
    'a second time, no difference',
  )
})

test('one refused file, and nothing is printed but the reason', async (t) => {
  const directory = makeDirectory(t)
  const [good, bad] = [join(directory, 'good.yaml'), join(directory, 'bad.yaml')]
  writeFileSync(good, manifest('plain'))
  writeFileSync(bad, manifestsOf('refused').find(({ name }) => name === 'windows.yaml')?.text ?? '')
  const answer = await said(inject, { file: [good, bad] })
  t.same([answer.code, answer.output], [1, ''])
  t.match(answer.errors, /^haltgate: .*bad\.yaml: Pod windows: .*Windows.*\n$/)
})

test('a difference is one that patch reads', async (t) => {
  t.equal(unifiedDiff('x', 'a\n', 'a\n'), '')
  const before = Array.from({ length: 20 }, (_, index) => `line ${index}`)
  const after = [...before.slice(0, 2), 'new', ...before.slice(2, 17), ...before.slice(18)]
  const text = unifiedDiff('x', `${before.join('\n')}\n`, `${after.join('\n')}\n`)
  t.same(text.split('\n'), [
    '--- x',
    '+++ x',
    '@@ -1,5 +1,6 @@',
    ' line 0',
    ' line 1',
    '+new',
    ' line 2',
    ' line 3',
    ' line 4',
    '@@ -15,6 +16,5 @@',
    ' line 14',
    ' line 15',
    ' line 16',
    '-line 17',
    ' line 18',
    ' line 19',
  ])
})

test('a flag that makes no sense is told of', async (t) => {
  const flags: readonly Flags[] = [
    { file: ['missing.yaml'] },
    { transparent: '80' },
    { transparent: '3128' },
    { policy: 'Not A Name' },
    { image: 'a b' },
    { webhook: true },
    { makeCertificate: 'x', name: '*' },
  ]
  for (const one of flags) await t.rejects(said(inject, one), UsageError, JSON.stringify(one))
})

test('a certificate is made once, and its key is read by nobody else', async (t) => {
  const makeCertificate = join(makeDirectory(t), 'tls')
  t.equal((await said(inject, { makeCertificate })).code, 0)
  t.equal(statSync(join(makeCertificate, 'tls.key')).mode & 0o077, 0)
  await t.rejects(
    said(inject, { makeCertificate }),
    UsageError,
    'another one is not written over it',
  )
})
