/** The signature of a report: who signed what, and every way in which it can be wrong. */
import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, verify } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import '../kernel/seed.ts'
import { type Checked, checkReport } from '../../evidence/report/check.ts'
import {
  envelopeOf,
  parseEnvelope,
  type ReportKey,
  reportKey,
} from '../../evidence/report/envelope.ts'
import { parseVkey } from '../../ledger/note.ts'
import type { Place } from '../ledger/open-ledger.ts'
import { pathOf } from '../ledger/stored-ledger.ts'
import { decision, ledgerOf, readingOf } from './report-ledger.ts'

const file = Buffer.from('a report\n')

const newKey = (): ReportKey => {
  const { privateKey } = generateKeyPairSync('ed25519')
  return reportKey('gate.example.com/ledger', privateKey)
}

async function envelopeFor(place: Place, key: ReportKey): Promise<string> {
  const { verification } = await readingOf(place)
  const [from, until] = ['2026-11-21T12:00:00.000Z', '2026-11-21T13:00:00.000Z']
  const named = {
    file: { name: 'report.pdf', bytes: file },
    kind: 'debrief',
    frameworks: [],
  } as const
  return envelopeOf({ ...named, from, until, at: until, by: 'haltgate 0.0.0', verification }, key)
}

const ledgerAt = (place: Place): { directory: string; lockFile: string } => ({
  directory: place.directory,
  lockFile: place.lockFile,
})

const failed = ({ lines }: Checked): string =>
  lines
    .filter(({ ok }) => !ok)
    .map(({ text }) => text)
    .join('\n')

const some = Array.from({ length: 12 }, (_, minute) => decision(minute, { verdict: 'allow' }))

test('an envelope is good for its file, its key and its ledger, and says so', async (t) => {
  const place = await ledgerOf(t, some)
  const key = newKey()
  const envelope = await envelopeFor(place, key)
  const pinned = parseVkey(key.vkey)
  const asked = { file, envelope, pinned, own: null, ledger: ledgerAt(place) }
  t.same((await checkReport(asked)).exit, 0)
  const unpinned = await checkReport({ ...asked, pinned: null })
  t.equal(unpinned.exit, 3, 'a key that only the envelope names proves nothing')
  t.match(unpinned.lines[0]?.text, 'a key that only the envelope names')
  const own = await checkReport({ ...asked, pinned: null, own: key.privateKey })
  t.equal(own.exit, 0, 'the key of this machine is known')
})

test('a changed file, another key and a forged payload are told apart', async (t) => {
  const place = await ledgerOf(t, some)
  const key = newKey()
  const envelope = await envelopeFor(place, key)
  const asked = { file, envelope, pinned: parseVkey(key.vkey), own: null, ledger: null }
  const changed = await checkReport({ ...asked, file: Buffer.from('another report\n') })
  t.equal(changed.exit, 1)
  t.match(failed(changed), 'the file is another')
  const stranger = await checkReport({ ...asked, pinned: parseVkey(newKey().vkey) })
  t.equal(stranger.exit, 1)
  t.match(failed(stranger), 'not signed by')
  const outer = JSON.parse(envelope) as { payload: string }
  const said = Buffer.from(outer.payload, 'base64').toString('utf8').replace('debrief', 'harmless')
  const forged = JSON.stringify({ ...outer, payload: Buffer.from(said).toString('base64') })
  t.equal((await checkReport({ ...asked, envelope: forged })).exit, 1)
  t.equal((await checkReport({ ...asked, envelope: '{}' })).exit, 1)
})

test('a ledger that grew still has the tree of the report, and one that was changed has not', async (t) => {
  const key = newKey()
  const place = await ledgerOf(t, some)
  const envelope = await envelopeFor(place, key)
  const more = { file, envelope, pinned: parseVkey(key.vkey), own: null }
  const other = await ledgerOf(t, [...some.slice(0, 11), decision(11, { verdict: 'deny' })])
  const wrong = await checkReport({ ...more, ledger: ledgerAt(other) })
  t.equal(wrong.exit, 1)
  t.match(failed(wrong), 'has not the root')
  const path = pathOf(place, 0)
  const whole = readFileSync(path, 'utf8')
  writeFileSync(path, whole.replace('"verdict":"allow"', '"verdict":"block"'))
  t.equal((await checkReport({ ...more, ledger: ledgerAt(place) })).exit, 1)
  writeFileSync(path, whole)
  appendFileSync(path, '{"torn')
  const torn = await checkReport({ ...more, ledger: ledgerAt(place) })
  t.equal(torn.exit, 0, 'what came after the tree is not its matter')
})

test('openssl and a hand-made PAE say the same of the signature', async (t) => {
  const place = await ledgerOf(t, some)
  const key = newKey()
  const outer = JSON.parse(await envelopeFor(place, key)) as {
    readonly payload: string
    readonly payloadType: string
    readonly signatures: readonly { readonly keyid: string; readonly sig: string }[]
  }
  const payload = Buffer.from(outer.payload, 'base64').toString('utf8')
  const pae = `DSSEv1 28 application/vnd.in-toto+json ${Buffer.byteLength(payload)} ${payload}`
  const [{ keyid, sig } = { keyid: '', sig: '' }] = outer.signatures
  t.equal(outer.payloadType, 'application/vnd.in-toto+json')
  t.equal(keyid, key.vkey.split('+')[1])
  t.ok(verify(null, Buffer.from(pae), key.privateKey, Buffer.from(sig, 'base64')))
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-seal-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const at = (name: string, content: string | Buffer): string => {
    writeFileSync(join(directory, name), content)
    return join(directory, name)
  }
  // As docs/reports.md has it: the key of the name, in DER, is 12 bytes before the 32.
  const raw = Buffer.from(key.vkey.split('+').slice(2).join('+'), 'base64').subarray(1)
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw])
  const pem = `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`
  const files = {
    key: at('key.pem', pem),
    pae: at('pae', pae),
    sig: at('sig', Buffer.from(sig, 'base64')),
  }
  const check = ['pkeyutl', '-verify', '-pubin', '-inkey', files.key, '-rawin', '-in', files.pae]
  const told = execFileSync('openssl', [...check, '-sigfile', files.sig]).toString()
  t.match(told, 'Signature Verified Successfully')
  const statement = JSON.parse(payload) as {
    readonly subject: readonly { readonly name: string; readonly digest: object }[]
    readonly predicate: { readonly ledger: { readonly tree_size: number } }
  }
  const { verification } = await readingOf(place)
  t.match(statement.subject[1], {
    name: 'haltgate.example/log',
    digest: { sha256: verification.tree?.root },
  })
  t.equal(statement.predicate.ledger.tree_size, verification.tree?.size)
})

test('the name of a key comes from the log, whatever the log is called', async (t) => {
  const { privateKey } = generateKeyPairSync('ed25519')
  for (const origin of ['a b+c', '', 'gate.example.com/ledger', '\u2028']) {
    t.not(parseVkey(reportKey(origin, createPrivateKey(pemOf(privateKey))).vkey), null, origin)
  }
})

const pemOf = (key: ReturnType<typeof createPrivateKey>): string =>
  key.export({ format: 'pem', type: 'pkcs8' }).toString()

test('whatever stands in an envelope is read or refused, and never thrown at', async (t) => {
  const place = await ledgerOf(t, some.slice(0, 2))
  const good = await envelopeFor(place, newKey())
  const bent = fc
    .record({
      at: fc.nat({ max: good.length }),
      put: fc.string({ maxLength: 6 }),
      cut: fc.nat({ max: 9 }),
    })
    .map(({ at, cut, put }) => good.slice(0, at) + put + good.slice(at + cut))
  const inner = fc.json().map((payload) =>
    JSON.stringify({
      payload: Buffer.from(payload).toString('base64'),
      payloadType: 'application/vnd.in-toto+json',
      signatures: [{ keyid: 'x', sig: 'y' }],
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json(), bent, inner), async (envelope) => {
      const checked = await checkReport({ file, envelope, pinned: null, own: null, ledger: null })
      return checked.exit !== 0
    }),
  )
  t.type(parseEnvelope('null'), 'string')
})
