/** The vault: what commitments prove, whose key opens what, and what is left of an erased subject. */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { commitmentOf, memberOf, opens, parseFields } from '../../evidence/vault/commitment.ts'
import { openEntry } from '../../evidence/vault/open.ts'
import { vaultSegments } from '../../evidence/vault/read.ts'
import { opened, parseRecord, sealedLine, segmentKey } from '../../evidence/vault/record.ts'
import { Vault } from '../../evidence/vault/vault.ts'
import { ContractError } from '../../kernel/contract.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { seedSentence } from '../kernel/seed.ts'
import { entriesOf } from '../ledger/open-ledger.ts'
import { byTheLetter, VaultWorld, vaultOptions } from './vault-world.ts'

const salts = fc.uint8Array({ minLength: 32, maxLength: 32 })
const texts = fc.string({ unit: 'grapheme', maxLength: 40 })

test('a commitment opens to its own value, field and salt, and to nothing else', async (t) => {
  t.comment(seedSentence)
  const property = fc.property(salts, texts, texts, texts, (salt, field, value, other) => {
    const commitment = commitmentOf(salt, field, value)
    const opening = { salt: Buffer.from(salt).toString('base64url'), value }
    const flipped = Buffer.from(salt)
    flipped[0] = (flipped[0] ?? 0) ^ 1
    return (
      opens(commitment, field, opening) &&
      commitment === byTheLetter(opening.salt, field, value) &&
      (other === value || !opens(commitment, field, { ...opening, value: other })) &&
      (other === field || !opens(commitment, other, opening)) &&
      !opens(commitment, field, { salt: flipped.toString('base64url'), value })
    )
  })
  fc.assert(property, { numRuns: 300 })
})

test('a short salt opens nothing, not even what was committed to with it', async (t) => {
  const salt = Buffer.alloc(31, 7)
  const opening = { salt: salt.toString('base64url'), value: 'v' }
  t.equal(opens(commitmentOf(salt, 'query', 'v'), 'query', opening), false)
})

test('equal values of one decision have commitments that nobody can compare', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('actor:ada', { query: 'same', body: 'same' })
  await world.decide('actor:ada', { query: 'same', body: 'same' })
  await world.close()
  const found = entriesOf(world.place).flatMap(({ data }) =>
    Object.values((data['commitments'] ?? {}) as Record<string, string>),
  )
  t.equal(found.length, 4)
  t.equal(new Set(found).size, 4)
})

test('what is listed is committed to, keys ascending, and nothing else is', async (t) => {
  const world = await VaultWorld.open(t, { fields: ['query', 'body-bytes', 'body'] })
  const of = { request: 'r', subject: 'agent:a', after: 0 }
  const all = { query: 'q', principal: 'p', body: 'b', 'body-bytes': 'bb' }
  const commitments = world.vault.commit(of, all)
  t.same(Object.keys(commitments), ['body', 'body_bytes', 'query'])
  t.same(world.vault.commit(of, { principal: 'p' }), {})
  await world.close()
})

test('a list of fields is read, or what is wrong with it is said', async (t) => {
  t.same(parseFields('query, body'), ['body', 'query'])
  t.same(parseFields('query,query'), ['query'])
  t.match(parseFields('query,headers'), /'headers' is none of body, body-bytes, principal, query/)
  t.match(parseFields(''), /'' is none of/)
})

test('an entry opens to what it committed to, and the chain is verified without the vault', async (t) => {
  const world = await VaultWorld.open(t)
  const hostile = 'q=\u0000"\\\n\u2028é😀\ud800'
  const { seq } = await world.decide('actor:ada', { query: hostile, body: 'ab'.repeat(32) })
  await world.close()
  const places = { ledger: world.place.directory, vault: world.directory }
  const found = openEntry(places, seq)
  const fields = found.ok ? found.fields : []
  const values = fields.map(({ field, matches, value }) => [field, value, matches])
  t.same(values, [
    ['body', 'ab'.repeat(32), true],
    ['query', hostile.toWellFormed(), true],
  ])
  const data = entriesOf(world.place)[seq]?.data ?? {}
  for (const { commitment, field, salt, value } of fields) {
    t.equal(byTheLetter(salt, field, value), commitment)
    t.equal((data['commitments'] as Record<string, string>)[memberOf(field)], commitment)
  }
  const report = await verifyLedger({ directory: world.place.directory })
  t.equal(report.ok, true, report.message)
})

test('neither values nor names of subjects stand in the files in clear', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('actor:ada-lovelace', {
    query: 'needle-in-a-query',
    principal: 'ada-lovelace',
  })
  await world.close()
  for (const [path, bytes] of filesUnder(world.place.data)) {
    for (const secret of ['needle', 'ada-lovelace']) {
      t.equal(holds(bytes, secret), false, `${path} does not hold ${secret}`)
      t.notMatch(path, new RegExp(secret))
    }
  }
})

test('files of a vault are for their owner alone', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('agent:a', { query: 'q' })
  await world.close()
  for (const [path] of filesUnder(world.directory)) t.equal(statSync(path).mode & 0o077, 0, path)
  for (const name of ['', 'subjects', 'erasures']) {
    t.equal(statSync(join(world.directory, name)).mode & 0o777, 0o700, `vault/${name}`)
  }
})

test('what was erased is found nowhere in the data directory, byte for byte', async (t) => {
  const world = await VaultWorld.open(t, { segmentBytesMax: 4_000 })
  const needles: string[] = []
  for (let turn = 0; turn < 60; turn += 1) {
    const subject = turn % 3 === 0 ? 'actor:ada' : `agent:a${turn % 2}`
    const query = `needle-${turn}-${randomBytes(6).toString('hex')}`
    if (turn % 3 === 0) needles.push(query)
    await world.decide(subject, { query })
  }
  const id = world.vault.idOf('actor:ada')
  const keyFile = join(world.directory, 'subjects', `${id}.key`)
  const key = readFileSync(keyFile, 'latin1').split(' ')[1] ?? ''
  const sealed = sealedOf(world.directory, id)
  t.equal(sealed.length, 20)
  t.equal(await world.erase('actor:ada'), 20)
  await world.close()
  const salts = [...filesUnder(world.directory)].flatMap(([, bytes]) => saltsIn(bytes))
  const segmentKeys = salts.map((salt) => segmentKey(Buffer.from(key, 'base64url'), salt))
  const wanted = [...needles, ...sealed, key]
  for (const [path, bytes] of filesUnder(world.place.data)) {
    t.equal(
      wanted.some((text) => holds(bytes, text)),
      false,
      path,
    )
    t.equal(
      segmentKeys.some((one) => bytes.includes(one)),
      false,
      path,
    )
  }
  const found = await world.survey()
  t.match(found, { commitments: 60, present: 40, erased: 20, pending: 0, missing: 0, altered: 0 })
})

test('an erasure stands in the chain with its count, fields and range, and the chain is whole', async (t) => {
  const world = await VaultWorld.open(t)
  const first = await world.decide('actor:ada', { query: 'q1' })
  await world.decide('actor:bob', { query: 'q2' })
  const last = await world.decide('actor:ada', { query: 'q3', body: 'b' })
  await world.erase('actor:ada', { reason: 'she asked' })
  await world.close()
  const entry = entriesOf(world.place).find(({ kind }) => kind === 'erasure')
  t.match(entry?.data, {
    authority: 'ticket 7',
    by: 'operator',
    count: 3,
    fields: ['body', 'query'],
    first_seq: first.seq,
    last_seq: last.seq,
    reason: 'she asked',
    subject: world.vault.idOf('actor:ada'),
  })
  const report = await verifyLedger({ directory: world.place.directory })
  t.equal(report.ok, true, report.message)
  t.equal(openEntry({ ledger: world.place.directory, vault: world.directory }, first.seq).ok, false)
})

test('two subjects are apart: one is erased, the other still opens', async (t) => {
  const world = await VaultWorld.open(t)
  const ada = await world.decide('actor:ada', { query: 'of ada' })
  const bob = await world.decide('actor:bob', { query: 'of bob' })
  t.equal(await world.erase('actor:ada'), 1)
  t.equal(await world.erase('actor:eve'), -1, 'nothing is kept of whom nobody spoke for')
  await world.close()
  const places = { ledger: world.place.directory, vault: world.directory }
  t.equal(openEntry(places, ada.seq).ok, false)
  t.match(openEntry(places, bob.seq), { ok: true, fields: [{ value: 'of bob', matches: true }] })
  t.match(await world.survey({ subject: world.vault.idOf('actor:bob') }), {
    commitments: 1,
    present: 1,
  })
})

test('a subject that comes back has a key of its own, and each erasure explains its own openings', async (t) => {
  const world = await VaultWorld.open(t)
  for (let round = 0; round < 3; round += 1) {
    await world.decide('actor:ada', { query: `round ${round}` })
    await world.decide('actor:ada', { query: `round ${round} again` })
    if (round < 2) t.equal(await world.erase('actor:ada'), 2)
  }
  await world.close()
  t.match(await world.survey(), { commitments: 6, present: 2, erased: 4, missing: 0, altered: 0 })
})

test('a record opens under its own key and heading alone', async () => {
  const keys = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const headings = fc.record({
    after: fc.nat(),
    at: fc.nat(),
    fields: fc.constant(['query']),
    key: fc.constant('0123456789abcdef'),
    request: fc.string(),
    subject: fc.string(),
  })
  const property = fc.property(keys, headings, headings, texts, (key, heading, other, value) => {
    const openings = { query: { salt: 'A'.repeat(43), value: value.toWellFormed() } }
    const line = sealedLine(heading, openings, { key, nonce: Buffer.alloc(12, 1) })
    const record = parseRecord(line.slice(0, -1))
    if (record === null) return false
    const wrong = createHash('sha256').update(key).digest()
    const isSame = JSON.stringify(heading) === JSON.stringify(other)
    return (
      JSON.stringify(opened(record, key)) === JSON.stringify(openings) &&
      opened(record, wrong) === null &&
      (isSame || opened({ ...other, sealed: record.sealed }, key) === null)
    )
  })
  fc.assert(property, { numRuns: 200 })
})

test('a vault whose key of names is another is not opened: nobody would be found in it', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('actor:ada', { query: 'q' })
  await world.close()
  const other = vaultOptions(world.place, { nameKey: Buffer.alloc(32, 9) })
  await t.rejects(Vault.open(other), /named under another key: put keys\/vault\.key back/)
  rmSync(join(world.directory, 'name-key.check'))
  await t.rejects(Vault.open(vaultOptions(world.place)), /named under another key/)
})

test('a vault wants a key of 32 bytes to name subjects by', async (t) => {
  const world = await VaultWorld.open(t)
  await world.close()
  const options = vaultOptions(world.place, { nameKey: Buffer.alloc(16) })
  await t.rejects(Vault.open(options), ContractError)
})

/** Every file under a directory with its bytes. */
function filesUnder(directory: string): readonly (readonly [string, Buffer])[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name))
    .map((path) => [path, readFileSync(path)] as const)
}

/** True where bytes hold a text as it is, in base64 at any offset, or in hex. */
function holds(bytes: Buffer, text: string): boolean {
  const plain = Buffer.from(text)
  const forms = [plain, Buffer.from(plain.toString('hex'))]
  for (let offset = 0; offset < 3; offset += 1) {
    // What of its base64 no neighbour has a part in.
    const padded = Buffer.concat([Buffer.alloc(offset), plain]).toString('base64')
    forms.push(Buffer.from(padded.slice(offset === 0 ? 0 : 4, -4)))
  }
  return forms.some((form) => form.length >= 4 && bytes.includes(form))
}

function sealedOf(directory: string, subject: string): readonly string[] {
  return vaultSegments(directory)
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line.includes(subject))
    .map((line) => (JSON.parse(line) as { sealed: string }).sealed)
}

function saltsIn(bytes: Buffer): readonly Buffer[] {
  const [, salt] = /^\{"salt":"([\w-]{43})"/.exec(bytes.toString('latin1', 0, 80)) ?? []
  return salt === undefined ? [] : [Buffer.from(salt, 'base64url')]
}
