/** What the detectors find and what they leave alone, by tables; values are put together here, so that none stands in the text. */
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { test } from 'tap'
import type { DetectorName } from '../../kernel/payload.ts'
import { scan } from '../../payload/detect.ts'

const all: readonly DetectorName[] = [
  'provider-keys',
  'private-keys',
  'jwt',
  'card-numbers',
  'iban',
  'national-ids',
  'email-addresses',
]

/** What is found in a text, each with its detector. */
function found(text: string, detectors: readonly DetectorName[] = all): readonly string[] {
  const bytes = Buffer.from(text, 'utf8')
  return scan(bytes, detectors).map(
    ({ detector, start, end }) => `${detector} ${bytes.subarray(start, end).toString('utf8')}`,
  )
}

const hex = (count: number): string => '0123456789abcdef'.repeat(20).slice(0, count)
const letters = (count: number): string => 'aB3dE5gH7jK9'.repeat(60).slice(0, count)

/** Keys by the form that their provider documents or that scanners agree on; the prefix is cut so that it is none here. */
const keys: readonly string[] = [
  `AK${'IA'}${'Z2'.repeat(8)}`,
  `AS${'IA'}${'Q7'.repeat(8)}`,
  `gh${'p_'}${letters(36)}`,
  `gh${'o_'}${letters(36)}`,
  `gh${'s_'}${letters(36)}`,
  `github${'_pat_'}${letters(22)}_${letters(59)}`,
  `gl${'pat-'}${letters(20)}`,
  `gl${'rt-'}${letters(20)}`,
  `xo${'xb-'}${'1'.repeat(12)}-${'2'.repeat(12)}-${letters(24)}`,
  `xa${'pp-'}1-A${'0'.repeat(10)}-${'1'.repeat(13)}-${hex(64)}`,
  `hooks.slack.${'com/services/'}T${'0'.repeat(9)}/B${'1'.repeat(9)}/${letters(24)}`,
  `sk_${'live_'}${letters(24)}`,
  `rk_${'live_'}${letters(24)}`,
  `sk-${'proj-'}${letters(120)}`,
  `sk-${letters(20)}T3Bl${'bkFJ'}${letters(20)}`,
  `sk-${'ant-'}api03-${letters(93)}AA`,
  `AI${'za'}${letters(35)}`,
  `GOC${'SPX-'}${letters(28)}`,
  `hf${'_'}${letters(34)}`,
  `np${'m_'}${letters(36)}`,
  `py${'pi-'}AgEIcHlwaS5vcmc${letters(80)}`,
  `SG${'.'}${letters(22)}.${letters(43)}`,
  `SK${hex(32)}`,
  `ke${'y-'}${hex(32)}`,
  `${hex(32)}-us${'12'}`,
  `do${'p_v1_'}${hex(64)}`,
  `da${'pi'}${hex(32)}`,
  `123456789:${'AA'}${letters(33)}`,
  `EA${'AA'}${letters(60)}`,
  `sq0${'atp-'}${letters(22)}`,
  `sh${'pat_'}${hex(32)}`,
  `lin${'_api_'}${letters(40)}`,
  `hv${'s.'}${letters(95)}`,
  `dp${'.pt.'}${letters(43)}`,
  `fm${'2_'}${letters(120)}`,
  `ntn${'_'}${'1'.repeat(11)}${letters(35)}`,
  `PM${'AK-'}${hex(24)}-${hex(34)}`,
  `pu${'l-'}${hex(40)}`,
  `abc9${'Q~'}${letters(33)}`,
  `${letters(14)}.atlas${'v1.'}${letters(64)}`,
  `gs${'k_'}${letters(52)}`,
  `https://discord.${'com/api/webhooks/'}${'1'.repeat(18)}/${letters(68)}`.slice(8),
]

test('the key of each provider is found, as it stands and no more of the text', async (t) => {
  for (const key of keys) {
    for (const text of [key, `{"key":"${key}"}`, `see ${key}, please`, `a=1&token=${key}&b=2`]) {
      t.same(found(text, ['provider-keys']), [`provider-keys ${key}`], `${key.slice(0, 6)} …`)
    }
  }
})

test('a key inside a longer word, or a byte too short, is none', async (t) => {
  for (const key of keys.filter((each) => !/^\d|Q~|atlas|discord|hooks|-us/.test(each))) {
    t.same(found(`x${key}`, ['provider-keys']), [], `x before ${key.slice(0, 6)} …`)
  }
  for (const key of [keys[0], keys[2], keys[16], keys[18], keys[22], keys[25]]) {
    t.same(found(key?.slice(0, -1) ?? '', ['provider-keys']), [], `${key?.slice(0, 6)} … cut`)
  }
})

test('a key behind its name is found without the name', async (t) => {
  const secret = letters(40)
  const storage = `${letters(86)}==`
  const rows: readonly (readonly [text: string, value: string])[] = [
    [`{"Secret${'AccessKey'}": "${secret}"}`, secret],
    [`aws_secret_${'access_key'} = ${secret}\n`, secret],
    [`AccountName=x;Account${'Key'}=${storage};EndpointSuffix=y`, storage],
    [
      `Authorization: Bo${'t '}M${letters(23)}.${letters(6)}.${letters(30)}`,
      `M${letters(23)}.${letters(6)}.${letters(30)}`,
    ],
  ]
  for (const [text, value] of rows) {
    t.same(found(text, ['provider-keys']), [`provider-keys ${value}`], text.slice(0, 20))
  }
})

const base64url = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url')

function token(header: unknown): string {
  const signed = `${base64url(header)}.${base64url({ sub: '1' })}`
  return `${signed}.${createHmac('sha256', 'k').update(signed).digest('base64url')}`
}

test('a token is found by a header that names its algorithm, and by nothing less', async (t) => {
  const signed = token({ alg: 'HS256', typ: 'JWT' })
  const unsigned = `${base64url({ alg: 'none' })}.${base64url({ sub: 'x' })}.`
  const encrypted = `${base64url({ alg: 'dir', enc: 'A256GCM' })}..aaaa.bbbb.cccc`
  for (const text of [signed, unsigned, encrypted]) t.same(found(`"${text}"`), [`jwt ${text}`])
  for (const text of [
    token({ typ: 'JWT' }),
    token({ alg: 5 }),
    token(['alg']),
    `${base64url({ alg: 'HS256' })}.${base64url({})}`,
    `eyJ${'a'.repeat(40)}.bbbb.cccc`,
    `x${signed}`,
    `${base64url({ alg: 'x'.repeat(9_000) })}.a.b`,
  ]) {
    t.same(found(text), [], text.slice(0, 30))
  }
})

test('a private key is found in each of its forms, a mention of one is not', async (t) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim()
  const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString().trim()
  const encrypted = privateKey
    .export({ type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' })
    .toString()
    .trim()
  const body = letters(400)
    .match(/.{1,64}/g)
    ?.join('\n')
  const dashes = '-----'
  const armoured = ['OPENSSH PRIVATE KEY', 'EC PRIVATE KEY', 'PGP PRIVATE KEY BLOCK'].map(
    (label) => `${dashes}BEGIN ${label}${dashes}\n${body}\n${dashes}END ${label}${dashes}`,
  )
  for (const key of [pkcs8, pkcs1, encrypted, ...armoured]) {
    t.same(found(`<<${key}>>`, ['private-keys']), [`private-keys ${key}`])
    t.same(
      found(JSON.stringify({ key }), ['private-keys']).length,
      1,
      'with its lines as JSON has them',
    )
    t.same(found(key.slice(0, -30), ['private-keys']).length, 1, 'without its end')
    t.same(found(encodeURIComponent(key), ['private-keys']).length, 1, 'as a form has it')
  }
  const putty = `PuTTY-User-Key-File-3: ssh-rsa\nPrivate-${'Lines: '}8\n${body}\nPrivate-MAC: 00`
  t.match(found(putty, ['private-keys'])[0], /^private-keys Private-Lines/)
  for (const text of [
    `${dashes}BEGIN PRIVATE KEY${dashes} is how a key begins, and what follows here is only prose`,
    `${dashes}BEGIN PUBLIC KEY${dashes}\n${body}\n${dashes}END PUBLIC KEY${dashes}`,
    `${dashes}BEGIN CERTIFICATE${dashes}\n${body}`,
    `${dashes}BEGIN RSA PRIVATE KEY`,
    'Private-Lines: 3\nabc',
  ]) {
    t.same(found(text, ['private-keys']), [], text.slice(0, 40))
  }
})

test('an address of mail is found, a name of a file or a version with an @ is not', async (t) => {
  const rows: readonly (readonly [text: string, address: string])[] = [
    ['mail to a.b+c@sub.example.co.uk.', 'a.b+c@sub.example.co.uk'],
    ['{"m":"x_1%y-z@example.org"}', 'x_1%y-z@example.org'],
    ['<a@b.io>,<', 'a@b.io'],
    ['..a@b.de..', 'a@b.de'],
  ]
  for (const [text, address] of rows) t.same(found(text), [`email-addresses ${address}`], text)
  for (const text of [
    'logo@2x.png',
    'pkg@1.2.3',
    '@scope/name',
    'a@b',
    'a@localhost',
    'a@.com',
    '@a.com',
    'a@b.c',
    'a@-b.de',
  ]) {
    t.same(found(text), [], text)
  }
})

test('what is escaped is found, and its range covers whole escapes', async (t) => {
  const key = keys[2] ?? ''
  const escaped = [...key].map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join('')
  const percented = Buffer.from(key).toString('hex').replace(/../g, '%$&')
  const twice = escaped.replaceAll('\\', '\\\\')
  for (const form of [escaped, percented, twice, escaped.replaceAll('\\', '%5C')]) {
    t.same(found(`{"a":"\\n${form}\\t"}`, ['provider-keys']), [`provider-keys ${form}`])
  }
  t.same(found('{"a":"x\\nme@example.com\\n"}').length, 1)
  t.same(found('mail=me%40example.com&b=1'), ['email-addresses me%40example.com'])
  t.same(found('cut \\u00 and %4'), [], 'a cut escape at the end is no trouble')
})

test('what overlaps is one finding under the strongest name', async (t) => {
  const key = keys[2] ?? ''
  t.same(found(`${key}@example.com`), [`provider-keys ${key}@example.com`])
  t.same(found(`a@example.com ${key}`), [`email-addresses a@example.com`, `provider-keys ${key}`])
  t.same(found(`a@example.com ${key}`, []), [])
  t.same(found(`a@example.com`, ['jwt', 'own-secrets']), [])
})
