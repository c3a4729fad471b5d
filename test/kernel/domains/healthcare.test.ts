/** The domain healthcare: consent of the patient, minimum necessary, where records go, and who agrees to a treatment. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DomainCall, Proof } from '../../../kernel/domain.ts'
import { healthIdentifiers } from '../../../kernel/domains/health-patterns.ts'
import { healthcareDomain } from '../../../kernel/domains/healthcare.ts'
import { seed, seedSentence } from '../seed.ts'
import {
  anyCall,
  askAll,
  callOf,
  fallbacks,
  noon,
  proofOf,
  refuses,
  said,
  tightensOnly,
} from './call.ts'

const parameters = {
  ...fallbacks(healthcareDomain),
  fields: {
    axn_read_record: ['name', 'allergies'],
    axn_write_record: ['note'],
    axn_share_record: ['conditions'],
    axn_search_patients: ['name'],
    axn_prescribe: 'drug',
  },
  phi_hosts: ['lab.example.com', '*.clinic.example.com'],
  search_max: 10,
  content_max: 500,
}

const all = 'read write share prescribe treat'

const consent = (claims: Proof['claims'] = { scope: all }, members: Partial<Proof> = {}): Proof =>
  proofOf({ claims, ...members })

const callFor = (action: string, members: Partial<DomainCall> = {}): DomainCall =>
  callOf(healthcareDomain, { action, proofs: [consent()], parameters, ...members })

const reading = (members: Partial<DomainCall> = {}): DomainCall =>
  callFor('axn_read_record', { context: { patient_id: 'p-1', fields: 'name' }, ...members })

const ask = (call: DomainCall): readonly string[] => said(healthcareDomain, call)

test('a record is read with a consent of its patient that is in time', async (t) => {
  const withProofs = (...proofs: readonly Proof[]) => ask(reading({ proofs }))
  t.same(withProofs(consent()), [])
  t.same(withProofs(), ['deny consent-missing'])
  t.same(withProofs(consent(undefined, { kind: 'attestation' })), ['deny consent-missing'])
  t.same(withProofs(consent(undefined, { subject: 'p-2' })), ['deny consent-subject'])
  t.same(withProofs(consent(undefined, { subject: 'P-1' })), ['deny consent-subject'])
  t.same(withProofs(consent(undefined, { expiresAt: noon })), ['deny proof-expired'])
  t.same(withProofs(consent(undefined, { issuedAt: noon + 1 })), ['deny proof-expired'])
  t.same(
    withProofs(consent(undefined, { subject: 'p-2' }), consent()),
    [],
    'one that fits is enough',
  )
})

test('parts of several consents do not make one', async (t) => {
  const old = consent(undefined, { expiresAt: noon })
  const others = consent({ scope: all }, { subject: 'p-2' })
  const narrow = consent({ scope: 'write' })
  t.same(ask(reading({ proofs: [old, others, narrow] })), ['deny consent-scope'])
})

test('the scope of a consent names the action', async (t) => {
  const scoped = (scope: string | number | boolean) =>
    ask(reading({ proofs: [consent({ scope })] }))
  t.same(scoped('read'), [])
  t.same(scoped('write, read'), [])
  t.same(scoped('write'), ['deny consent-scope'])
  t.same(scoped('reader'), ['deny consent-scope'])
  t.same(scoped(''), ['deny consent-scope'])
  t.same(scoped(true), ['deny consent-scope'])
  t.same(ask(reading({ proofs: [consent({})] })), ['deny consent-scope'])
})

test('call and consent have the same purpose, or none', async (t) => {
  const purposes = (said: string | number, consented?: string) =>
    ask(
      reading({
        context: { patient_id: 'p-1', fields: 'name', purpose: said },
        proofs: [
          consent(consented === undefined ? { scope: all } : { scope: all, purpose: consented }),
        ],
      }),
    )
  t.same(purposes('treatment', 'treatment payment'), [])
  t.same(purposes('treatment', 'payment'), ['deny consent-purpose'])
  t.same(purposes('treatment'), ['deny consent-purpose'])
  t.same(purposes('', 'payment'), ['deny consent-purpose'])
  t.same(purposes('marketing', 'marketing'), ['deny purpose-not-allowed'])
  t.same(purposes(1, 'payment'), ['deny consent-purpose', 'deny facts-missing'])
})

test('a consent for one agent is not for another', async (t) => {
  const of = (agent: string | number) => ask(reading({ proofs: [consent({ scope: all, agent })] }))
  t.same(of('worker'), [])
  t.same(of('other'), ['deny consent-agent'])
  t.same(of(1), ['deny consent-agent'])
})

test('what stands in the resource is the patient of the facts', async (t) => {
  const of = (resource: string, resourceId: string) => ask(reading({ resource, resourceId }))
  t.same(of('res_patient', 'p-1'), [])
  t.same(of('res_patient', 'p-2'), ['deny patient-mismatch'])
  t.same(of('res_record', 'r-9'), [])
})

test('a consent that counts once is used up, unless a longer one fits', async (t) => {
  const marksWith = (...proofs: readonly Proof[]) =>
    healthcareDomain.afterDecision(reading({ proofs })).marks
  const once = consent({ scope: all, single_use: true })
  t.match(marksWith(once), [
    { op: 'once', until: noon + 60_000, reason: { id: 'healthcare/consent-used' } },
  ])
  t.equal(marksWith(once).length, 1)
  t.equal(
    marksWith(consent({ scope: all, single_use: 'no' })).length,
    1,
    'a claim that is no truth value',
  )
  t.same(marksWith(consent()), [])
  t.same(marksWith(consent({ scope: all, single_use: false })), [])
  t.same(marksWith(once, consent()), [])
  t.same(marksWith(), [], 'refused by its checks')
  const other = consent({ scope: all, single_use: true }, { issuer: 'other' })
  t.not(marksWith(once)[0]?.key, marksWith(other)[0]?.key, 'ids are the issuer’s own')
})

test('an action touches the fields that the policy lists for it', async (t) => {
  const fields = (value: string | number) =>
    ask(reading({ context: { patient_id: 'p-1', fields: value } }))
  t.same(fields('name'), [])
  t.same(fields('name, allergies'), [])
  t.same(fields('name,ssn'), ['deny minimum-necessary'])
  t.same(fields('*'), ['deny minimum-necessary'])
  t.same(fields('constructor'), ['deny minimum-necessary'])
  t.same(fields('name,'), ['deny facts-missing'])
  t.same(fields(''), ['deny facts-missing'])
  t.same(fields(1), ['deny facts-missing'])
  const bare = { ...parameters, fields: {} }
  t.same(ask(reading({ parameters: bare })), ['deny minimum-necessary'], 'no list, no fields')
  const write = callFor('axn_write_record', { context: { patient_id: 'p-1', fields: 'name' } })
  t.same(ask(write), ['deny minimum-necessary'], 'the list is each action’s own')
})

test('a search needs no consent, and is narrow', async (t) => {
  const search = (limit: number | string) =>
    ask(callFor('axn_search_patients', { proofs: [], context: { fields: 'name', limit } }))
  t.same(search(10), [])
  t.same(search(11), ['deny search-too-wide'])
  t.same(search(-1), ['deny facts-missing'])
  t.same(search('10'), ['deny facts-missing'])
})

test('a record is shared with hosts of the policy that the consent names', async (t) => {
  const share = (host: string, recipient: string) =>
    ask(
      callFor('axn_share_record', {
        host,
        context: { patient_id: 'p-1', fields: 'conditions' },
        proofs: [consent({ scope: all, recipient })],
      }),
    )
  t.same(share('lab.example.com', 'lab.example.com'), [])
  t.same(share('x.clinic.example.com', 'a.example, x.clinic.example.com'), [])
  t.same(share('lab.example.com', 'other.example.com'), ['deny consent-recipient'])
  t.same(share('ads.example.com', 'ads.example.com'), ['deny share-destination'])
  t.same(share('', ''), ['deny consent-recipient', 'deny share-destination'])
})

test('a treatment waits for a physician', async (t) => {
  for (const action of ['axn_prescribe', 'axn_treat']) {
    const call = callFor(action, { context: { patient_id: 'p-1' } })
    t.match(healthcareDomain.validate(call).violations, [
      { verdict: 'approve', code: 'physician-approval', need: 1, of: ['physician'] },
    ])
    t.same(
      ask({ ...call, proofs: [] }),
      ['deny consent-missing', 'approve physician-approval'],
      'and still for the patient’s consent',
    )
  }
  t.same(ask(reading()), [], 'reading does not')
})

const identifying: readonly (readonly [text: string, name: string])[] = [
  ['her SSN is 078-05-1120', 'social-security-number'],
  ['078 05 1120', 'social-security-number'],
  ['"ssn":"078051120"', 'social-security-number'],
  ['social_security_number=078051120', 'social-security-number'],
  ['MRN: 00482913', 'medical-record-number'],
  ['medical record number is A-482913', 'medical-record-number'],
  ['{"patient_id":"48291377"}', 'medical-record-number'],
  ['DOB 04/12/1979', 'date-of-birth'],
  ['"birthDate":"1979-04-12"', 'date-of-birth'],
  ['born on April 12, 1979', 'date-of-birth'],
  ['date of birth: 12. April 1979', 'date-of-birth'],
  ['D\u200bOB ０４/12/1979', 'date-of-birth'],
]

const nobody: readonly string[] = [
  '',
  'call 555-01-99 or 000-12-3456, 900-12-3456, 123-00-4567, 123-45-0000',
  '1078-05-11203',
  'The visit was on 04/12/1979.',
  'MRN unknown',
  'The record number of the album is 12.',
  'dob dob dob',
]

test('what identifies a patient is found by form and by what it is called', async (t) => {
  for (const [text, name] of identifying) t.same(healthIdentifiers(text), [name], text)
  for (const text of nobody) t.same(healthIdentifiers(text), [], text)
})

test('what identifies a patient goes to hosts of the policy only', async (t) => {
  const leaving = (host: string, content: string | number) =>
    ask(reading({ host, context: { patient_id: 'p-1', fields: 'name', content } }))
  t.same(leaving('api.example.com', 'DOB 04/12/1979'), ['deny identifiers-leave'])
  t.same(leaving('lab.example.com', 'DOB 04/12/1979'), [])
  t.same(leaving('api.example.com', 'A fine day.'), [])
  t.same(leaving('api.example.com', 'x'.repeat(501)), ['deny content-too-large'])
  t.same(leaving('api.example.com', 5), ['deny facts-missing'])
  const call = reading({ context: { patient_id: 'p-1', fields: 'name', content: 'MRN 48291377' } })
  t.notMatch(JSON.stringify(healthcareDomain.validate(call)), /48291377/)
})

const types = {
  patient_id: '',
  fields: '',
  limit: 0,
  purpose: '',
  content: '',
  destination: '',
}

const names = Object.keys(types)

test('it answers whatever it is asked', async (t) => {
  t.comment(seedSentence)
  fc.assert(
    fc.property(anyCall(healthcareDomain, names), (call) => {
      askAll(healthcareDomain, call)
      askAll(healthcareDomain, { ...call, parameters })
    }),
    { seed, numRuns: 500 },
  )
})

test('without a consent of its patient no call about a patient passes', async (t) => {
  t.comment(seedSentence)
  const others = anyCall(healthcareDomain, names).map((call) => ({
    ...call,
    parameters,
    proofs: call.proofs.filter(
      ({ subject }) =>
        subject !== call.context['patient_id'] && subject !== call.facts['patient_id'],
    ),
  }))
  fc.assert(
    fc.property(others, (call) => {
      const isFree = ['axn_search_patients', 'axn_other'].includes(call.action)
      return isFree || refuses(healthcareDomain, call)
    }),
    { seed, numRuns: 500 },
  )
})

test('a fact of a wrong type never makes an allow of a denial', async (t) => {
  t.comment(seedSentence)
  fc.assert(tightensOnly(healthcareDomain, types, parameters), { seed, numRuns: 500 })
})
