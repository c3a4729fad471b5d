/** The files of the CA: made once, read again, refused where somebody else could have read the key, and rotated. */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import {
  bundleCa,
  type CaContext,
  exportCa,
  rotate,
  showCa,
  trustEnvironment,
} from '../../cli/ca.ts'
import { caLayoutOf, openCa, upstreamRoots } from '../../cli/ca-files.ts'
import { type CaPlace, settingsOf } from '../../cli/settings.ts'
import { Failure } from '../../kernel/reasons.ts'
import { selfSigned, signedBy } from '../proxy/tls/certificates.ts'

/** The place that two flags name. */
function operatorOf(caCert: string, caKey: string): CaPlace | null {
  return settingsOf({ caCert, caKey }, {}).ca
}

interface Place extends CaContext {
  readonly directory: string
  readonly printed: string[]
}

function place(t: Test, more: Partial<CaContext> = {}): Place {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-ca-'))
  t.teardown(() => rmSync(directory, { force: true, recursive: true }))
  const printed: string[] = []
  const layout = caLayoutOf(join(directory, 'data'))
  const context = { json: false, layout, now: Date.now(), operator: null, upstreamCa: [], ...more }
  return { ...context, directory, print: (text) => printed.push(text), printed }
}

const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8)

const certificates = (file: string): X509Certificate[] =>
  (readFileSync(file, 'utf8').match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  )

test('the CA is made at the first start, for its owner alone, and read at the second', async (t) => {
  const { layout, now } = place(t)
  const first = await openCa(layout, now)
  const key = readFileSync(layout.keyFile, 'utf8')
  const second = await openCa(layout, now)
  t.equal(first.certificate.fingerprint256, second.certificate.fingerprint256)
  t.equal(readFileSync(layout.keyFile, 'utf8'), key, 'nothing was written again')
  t.same([modeOf(layout.directory), modeOf(layout.keyFile)], ['700', '600'])
})

test('a key that others can read, or half a CA, opens nothing and says what to do', async (t) => {
  const rows: readonly (readonly [string, (p: Place) => void | Promise<void>, RegExp])[] = [
    ['readable by others', ({ layout }) => chmodSync(layout.keyFile, 0o644), /chmod 600/],
    ['readable by a group', ({ layout }) => chmodSync(layout.keyFile, 0o640), /chmod 600/],
    ['no key', ({ layout }) => rmSync(layout.keyFile), /root\.key cannot be read.*put it back/],
    ['no certificate', ({ layout }) => rmSync(layout.certificateFile), /root\.pem cannot be read/],
    ['an empty key', ({ layout }) => writeFileSync(layout.keyFile, ''), /not a private key/],
    [
      'a directory in place of the key',
      ({ layout }) => {
        rmSync(layout.keyFile)
        mkdirSync(layout.keyFile, { mode: 0o700 })
      },
      /EISDIR/,
    ],
    [
      'another key',
      async ({ layout }) => writeFileSync(layout.keyFile, (await selfSigned('x')).key),
      /not the key/,
    ],
  ]
  for (const [name, spoil, message] of rows) {
    const spoilt = place(t)
    await openCa(spoilt.layout, spoilt.now)
    await spoil(spoilt)
    const before = existsSync(spoilt.layout.certificateFile)
    const error = await openCa(spoilt.layout, spoilt.now).catch((caught: unknown) => caught)
    t.ok(error instanceof Failure, name)
    t.match(error instanceof Failure ? error.message : '', message, name)
    t.equal(existsSync(spoilt.layout.certificateFile), before, `${name}: nothing was made`)
  }
})

test('an operator’s own CA is read where it is; both files are needed, and the world may not read the key', async (t) => {
  const { directory, now } = place(t)
  const own = await selfSigned('Acme')
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  writeFileSync(cert, own.cert)
  writeFileSync(key, own.key, { mode: 0o640 })
  const operator = operatorOf(cert, key)
  if (operator === null) throw new Error('both were given')
  t.equal((await openCa(operator, now)).certificate.subject, 'CN=Acme')
  chmodSync(key, 0o644)
  await t.rejects(openCa(operator, now), /open to everybody/)
  t.throws(() => settingsOf({ caCert: cert }, {}), /give both/)
  t.equal(settingsOf({}, {}).ca, null)
  const missing = operatorOf(join(directory, 'none'), key)
  if (missing !== null) await t.rejects(openCa(missing, now), /--ca-cert.*ENOENT/)
})

test('the bundle has the gate’s roots and every upstream’s, and no key', async (t) => {
  const extra = await selfSigned('Extra')
  const bundled = place(t)
  const file = join(bundled.directory, 'extra.pem')
  writeFileSync(file, extra.cert)
  await bundleCa({ ...bundled, upstreamCa: [file] }, undefined)
  const subjects = certificates(bundled.layout.bundleFile).map(({ subject }) => subject)
  t.ok(subjects.some((subject) => subject.includes('haltgate CA')))
  t.ok(subjects.includes('CN=Extra'))
  t.ok(subjects.length > 100, 'the public roots')
  t.equal(
    new Set(certificates(bundled.layout.bundleFile).map((one) => one.fingerprint256)).size,
    subjects.length,
  )
  t.equal(modeOf(bundled.layout.bundleFile), '644')
  t.notMatch(readFileSync(bundled.layout.bundleFile, 'utf8'), /PRIVATE/)
  await t.rejects(upstreamRoots([join(bundled.directory, 'none')]), /--upstream-ca/)
  await t.rejects(upstreamRoots([bundled.layout.keyFile]), /no certificate/)
})

test('a rotation makes a new root, keeps the old certificate in the bundle, and loses the old key', async (t) => {
  const rotated = place(t)
  const old = await openCa(rotated.layout, rotated.now)
  const oldKey = readFileSync(rotated.layout.keyFile, 'utf8')
  await rotate(rotated)
  const next = await openCa(rotated.layout, rotated.now)
  t.not(next.certificate.fingerprint256, old.certificate.fingerprint256)
  t.not(readFileSync(rotated.layout.keyFile, 'utf8'), oldKey)
  const prints = certificates(rotated.layout.bundleFile).map(({ fingerprint256 }) => fingerprint256)
  t.ok(
    prints.includes(old.certificate.fingerprint256) &&
      prints.includes(next.certificate.fingerprint256),
  )
  const later = { ...rotated, now: old.notAfter + 1 }
  await rotate(later)
  const after = certificates(rotated.layout.bundleFile).map(({ fingerprint256 }) => fingerprint256)
  t.notOk(after.includes(old.certificate.fingerprint256), 'what has expired is left out')
  await t.rejects(
    rotate({ ...rotated, operator: { certificateFile: 'a', keyFile: 'b', ours: false } }),
    /only the gate/,
  )
})

test('a crash in a rotation leaves the old root or the new one, and never a pair that does not fit', async (t) => {
  const { layout, now } = place(t)
  await openCa(layout, now)
  const other = place(t)
  const next = await openCa(other.layout, now)
  // Before the key was replaced: the new files are cleared away.
  writeFileSync(`${layout.certificateFile}.next`, next.certificate.toString())
  writeFileSync(`${layout.keyFile}.next`, readFileSync(other.layout.keyFile), { mode: 0o600 })
  t.not((await openCa(layout, now)).certificate.fingerprint256, next.certificate.fingerprint256)
  t.notOk(existsSync(`${layout.keyFile}.next`))
  // After it: the new certificate takes its place.
  writeFileSync(`${layout.certificateFile}.next`, next.certificate.toString())
  renameSync(other.layout.keyFile, layout.keyFile)
  t.equal((await openCa(layout, now)).certificate.fingerprint256, next.certificate.fingerprint256)
  t.notOk(existsSync(`${layout.certificateFile}.next`))
})

test('show tells the fingerprint that openssl tells, and export writes the certificate and no key', async (t) => {
  const shown = place(t)
  await openCa(shown.layout, shown.now)
  await showCa({ ...shown, json: true })
  const told = JSON.parse(shown.printed[0] ?? '')
  const printed = await new Promise<string>((resolve, reject) => {
    const args = ['x509', '-noout', '-fingerprint', '-sha256', '-in', shown.layout.certificateFile]
    execFile('openssl', args, (error, text) => (error === null ? resolve(text) : reject(error)))
  })
  t.equal(
    told.fingerprint,
    `sha256:${(printed.split('=')[1] ?? '').trim().replaceAll(':', '').toLowerCase()}`,
  )
  const out = join(shown.directory, 'out.pem')
  await exportCa(shown, out)
  t.equal(
    readFileSync(out, 'utf8'),
    readFileSync(shown.layout.certificateFile, 'utf8').replace(/\n+$/, '\n'),
  )
  await t.rejects(exportCa(shown, shown.layout.keyFile), /no bundle of certificates/)
  t.match(readFileSync(shown.layout.keyFile, 'utf8'), /PRIVATE KEY/, 'and the key is still there')
})

test('every variable by which clients find their roots names the bundle', async (t) => {
  const environment = trustEnvironment('/b.pem')
  t.same(Object.keys(environment).sort(), [
    'CURL_CA_BUNDLE',
    'DENO_CERT',
    'GIT_SSL_CAINFO',
    'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
    'NODE_EXTRA_CA_CERTS',
    'REQUESTS_CA_BUNDLE',
    'SSL_CERT_FILE',
  ])
  t.same([...new Set(Object.values(environment))], ['/b.pem'])
})

test('an intermediate of an operator’s is bundled with its root', async (t) => {
  const top = await selfSigned('Top')
  const below = await signedBy(top, 'Below', { ca: true })
  const { directory, ...context } = place(t)
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  writeFileSync(cert, below.cert + top.cert)
  writeFileSync(key, below.key, { mode: 0o600 })
  const out = join(directory, 'bundle.pem')
  await bundleCa({ ...context, operator: operatorOf(cert, key) }, out)
  const subjects = certificates(out).map(({ subject }) => subject)
  t.ok(subjects.includes('CN=Below') && subjects.includes('CN=Top'))
})
