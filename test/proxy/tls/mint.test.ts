/** Roots and the leaves that they sign: what a client is shown, how often, and what is refused. */
import type { X509Certificate } from 'node:crypto'
import { createServer } from 'node:net'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  TLSSocket,
} from 'node:tls'
import { type Test, test } from 'tap'
import { Mint, type MintLimits } from '../../../proxy/tls/mint.ts'
import { makeRoot, type Root, readRoot } from '../../../proxy/tls/root.ts'
import { rsa, selfSigned, signedBy } from './certificates.ts'

const hourMs = 3_600_000

async function rootAt(now: number): Promise<Root> {
  const root = await readRoot(await makeRoot(now), now)
  if (!root.ok) throw new Error(root.message)
  return root
}

const who = { agent: 'researcher' }

class Clock {
  wallMs = Date.now()
  readonly now = (): number => this.wallMs
  readonly monotonicMs = (): number => this.wallMs
}

async function mintOf(
  limits: Partial<MintLimits> = {},
): Promise<{ mint: Mint; clock: Clock; root: Root }> {
  const clock = new Clock()
  const root = await rootAt(clock.wallMs)
  return { clock, mint: new Mint(root, clock, limits), root }
}

async function contextOf(mint: Mint, host: string): Promise<SecureContext> {
  const minted = await mint.contextOf(host, who)
  if (!minted.ok) throw new Error(minted.message)
  return minted.context
}

/** What a client is shown by a server with this context, and whether it accepts it as `host`. */
async function shown(
  t: Test,
  context: SecureContext,
  { ca, host }: { readonly ca: string; readonly host: string },
): Promise<{ leaf: X509Certificate; error: string }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    const secure = new TLSSocket(socket, { isServer: true, secureContext: context })
    secure.on('error', () => undefined)
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  t.teardown(() => server.close())
  const address = /^[\d.]+$|:/.test(host)
  const client = connect({
    ...{ ca, host: '127.0.0.1', port, rejectUnauthorized: false },
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    ...(address ? {} : { servername: host }),
  })
  await new Promise((resolve) => client.once('secureConnect', resolve))
  const certificate = client.getPeerX509Certificate()
  client.destroy()
  if (certificate === undefined) throw new Error('no certificate was shown')
  return { leaf: certificate, error: String(client.authorizationError ?? '') }
}

test('a leaf is for its host alone, by name or by address, and a client accepts it as that', async (t) => {
  const { mint, root } = await mintOf()
  const ca = root.certificate.toString()
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`
  for (const host of [
    'api.example.com',
    '127.0.0.1',
    '2001:db8::7',
    long,
    'under_score.example.com',
  ]) {
    const { error, leaf } = await shown(t, await contextOf(mint, host), { ca, host })
    t.equal(error, '', host)
    const isAddress = /^[\d.]+$|:/.test(host)
    t.match(leaf.subjectAltName, isAddress ? /^IP Address:[^,]+$/ : `DNS:${host}`, host)
    t.equal(
      isAddress ? leaf.checkIP(host) !== undefined : leaf.checkHost(host) === host,
      true,
      host,
    )
    t.equal(leaf.checkHost('other.example.com'), undefined)
    t.equal(leaf.ca, false)
    t.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'for servers only')
  }
})

test('a leaf began an hour ago, lives two days, and has a serial number of its own', async (t) => {
  const { clock, mint, root } = await mintOf()
  const ca = root.certificate.toString()
  const serials = new Set<string>()
  for (const host of ['a.example.com', 'b.example.com']) {
    const { leaf } = await shown(t, await contextOf(mint, host), { ca, host })
    serials.add(leaf.serialNumber)
    t.equal(leaf.serialNumber.length, 32)
    t.match(leaf.serialNumber, /^[4-7]/, 'positive, and never shorter')
    t.ok(Math.abs(Date.parse(leaf.validFrom) - (clock.wallMs - hourMs)) < 2_000)
    t.ok(Math.abs(Date.parse(leaf.validTo) - (clock.wallMs + 48 * hourMs)) < 2_000)
  }
  t.equal(serials.size, 2)
})

test('a leaf is kept, and minted anew before it ends or where the clock went back', async (t) => {
  const { clock, mint } = await mintOf()
  const first = await contextOf(mint, 'a.example.com')
  clock.wallMs += 35 * hourMs
  t.equal(await contextOf(mint, 'a.example.com'), first)
  clock.wallMs += 2 * hourMs
  const second = await contextOf(mint, 'a.example.com')
  t.not(second, first, 'less than twelve hours were left of it')
  clock.wallMs -= 3 * hourMs
  t.not(await contextOf(mint, 'a.example.com'), second, 'it would not be valid yet')
})

test('no leaf lives longer than its root, and none is minted by a root that has ended', async (t) => {
  const { clock, mint, root } = await mintOf()
  clock.wallMs = root.notAfter - 5 * hourMs
  const context = await contextOf(mint, 'a.example.com')
  const { leaf } = await shown(t, context, {
    ca: root.certificate.toString(),
    host: 'a.example.com',
  })
  t.equal(Date.parse(leaf.validTo), root.notAfter)
  t.equal(await contextOf(mint, 'a.example.com'), context, 'there is no better one')
  clock.wallMs = root.notAfter
  const minted = await mint.contextOf('a.example.com', who)
  t.match(minted, { ok: false, code: 'inspection-required', message: /ca rotate/ })
})

test('two tunnels to one host wait for one leaf', async (t) => {
  const { mint } = await mintOf({ mintsBurst: 1, mintsPerSecond: 0 })
  const [one, two] = await Promise.all([
    mint.contextOf('a.example.com', who),
    mint.contextOf('a.example.com', who),
  ])
  t.ok(one.ok && two.ok && one.context === two.context)
})

test('fresh hosts beyond the rate are refused until time has passed; a known one never is', async (t) => {
  const { clock, mint } = await mintOf({ mintsBurst: 3, mintsPerSecond: 2 })
  const hosts = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.example.com`)
  const verdicts = await Promise.all(
    hosts.map(async (host) => (await mint.contextOf(host, who)).ok),
  )
  t.same(verdicts, [true, true, true, false, false])
  t.match(await mint.contextOf('d.example.com', who), { ok: false, code: 'rate-limited' })
  t.ok((await mint.contextOf('a.example.com', who)).ok)
  clock.wallMs += 500
  t.ok((await mint.contextOf('d.example.com', who)).ok)
  t.notOk((await mint.contextOf('e.example.com', who)).ok)
})

test('an agent that asks for fresh hosts without end keeps no other from them', async (t) => {
  const { clock, mint } = await mintOf({
    ...{ mintsBurst: 6, mintsPerSecond: 2 },
    ...{ agentMintsBurst: 3, agentMintsPerSecond: 1 },
  })
  const ask = async (agent: string, host: string): Promise<boolean> =>
    (await mint.contextOf(`${host}.example.com`, { agent })).ok
  const greedy = []
  for (let index = 0; index < 20; index += 1) greedy.push(await ask('greedy', `g${index}`))
  t.equal(greedy.filter(Boolean).length, 3)
  t.ok(await ask('other', 'o1'))
  t.ok(await ask('greedy', 'o1'), 'a leaf that is there is there for everybody')
  t.ok(await ask('other', 'o2'))
  t.ok(await ask('third', 't1'))
  t.notOk(await ask('third', 't2'), 'all together have a bound, too')
  clock.wallMs += 1_000
  t.ok(await ask('third', 't2'))
  t.ok(await ask('greedy', 'g9'))
  t.notOk(await ask('greedy', 'g10'))
})

test('of more hosts than are kept, the one that was longest unused is minted again', async (t) => {
  const { mint } = await mintOf({ leavesMax: 2 })
  const [a, b] = [await contextOf(mint, 'a.example.com'), await contextOf(mint, 'b.example.com')]
  t.equal(await contextOf(mint, 'a.example.com'), a)
  await contextOf(mint, 'c.example.com')
  t.equal(await contextOf(mint, 'a.example.com'), a)
  t.not(await contextOf(mint, 'b.example.com'), b)
})

test('two roots never have one name, and both are CAs that sign nothing but leaves', async (t) => {
  const roots = [await rootAt(Date.now()), await rootAt(Date.now())]
  t.equal(new Set(roots.map(({ certificate }) => certificate.subject)).size, 2)
  for (const { certificate } of roots) {
    t.ok(certificate.ca)
    t.ok(certificate.verify(certificate.publicKey))
  }
})

test('an operator’s own CA signs, whatever its key, and an intermediate is sent with the leaf', async (t) => {
  const clock = new Clock()
  const top = await selfSigned('Acme Root')
  const below = await signedBy(top, 'Acme Gate', { ca: true })
  const p384 = { name: 'ECDSA', namedCurve: 'P-384' }
  const cases = [
    { signer: await selfSigned('Acme RSA', { algorithm: rsa(2048) }), trusted: null },
    { signer: await selfSigned('Acme P-384', { algorithm: p384 }), trusted: null },
    { signer: { ...below, cert: below.cert + top.cert }, trusted: top.cert },
  ]
  for (const { signer, trusted } of cases) {
    const root = await readRoot({ certificatePem: signer.cert, keyPem: signer.key }, clock.wallMs)
    if (!root.ok) throw new Error(root.message)
    const context = await contextOf(new Mint(root, clock), 'a.example.com')
    const ca = trusted ?? signer.cert
    const { error, leaf } = await shown(t, context, { ca, host: 'a.example.com' })
    t.equal(error, '', signer.name)
    t.ok(leaf.checkIssued(root.certificate), signer.name)
  }
})

test('an authority that cannot sign what clients accept is refused, with the reason', async (t) => {
  const now = Date.now()
  const good = await selfSigned('Good')
  const other = await selfSigned('Other')
  const leaf = await signedBy(good, 'leaf', { names: [{ type: 'dns', value: 'leaf' }] })
  const refused: readonly (readonly [string, string, string, RegExp])[] = [
    ['another key', good.cert, other.key, /not the key/],
    ['no certificate', 'hello', good.key, /not a certificate/],
    ['no key', good.cert, 'hello', /not a private key/],
    ['a certificate as key', good.cert, good.cert, /not a private key/],
    ['a leaf', leaf.cert, leaf.key, /no CA/],
  ]
  const odd = [
    ['expired', await selfSigned('x', { from: -48, to: -24 }), /expired/],
    ['not yet valid', await selfSigned('x', { from: 24, to: 48 }), /not valid before/],
    ['a short key', await selfSigned('x', { algorithm: rsa(1024) }), /2048 bits/],
    ['may not sign', await selfSigned('x', { signs: false }), /may not sign/],
  ] as const
  const all = [
    ...refused,
    ...odd.map(([name, { cert, key }, why]) => [name, cert, key, why] as const),
  ]
  for (const [name, certificatePem, keyPem, why] of all) {
    const root = await readRoot({ certificatePem, keyPem }, now)
    t.notOk(root.ok, name)
    t.match(root.ok ? '' : root.message, why, name)
  }
})

test('no leaf is made for TLS below 1.2', async (t) => {
  const { mint, root } = await mintOf()
  const context = await contextOf(mint, 'a.example.com')
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    const secure = new TLSSocket(socket, { isServer: true, secureContext: context })
    secure.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  // Node's default ciphers leave no old version; at level 0 a client could speak it.
  const old = createSecureContext({
    ca: root.certificate.toString(),
    ciphers: 'ALL:@SECLEVEL=0',
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
  })
  const client = connect({
    host: '127.0.0.1',
    port,
    secureContext: old,
    servername: 'a.example.com',
  })
  const error = await new Promise<Error>((resolve) => client.once('error', resolve))
  t.match(error.message, /protocol version|unsupported protocol/i)
})
