/**
 * Records of patients: who may see them with whose consent, how much of them, and where they may go; what treats a
 * patient waits for a physician.
 */
import type { DomainCall, DomainEffects } from '../domain.ts'
import {
  type Check,
  count,
  demand,
  destinationOf,
  domainOf,
  factsMissing,
  integerParameter,
  isGiven,
  isHostOf,
  markKey,
  names,
  noEffects,
  on,
  refusal,
  rowOf,
  text,
  textsParameter,
  whereGiven,
} from './check.ts'
import { healthIdentifiers } from './health-patterns.ts'
import { healthcareConfig } from './healthcare-config.ts'
import { fittingConsents, isObjection, isOfPatient, isSingleUse } from './healthcare-consent.ts'
import { healthcareTemplates } from './templates/healthcare.ts'

const consent: Check = {
  name: 'consent',
  applies: isOfPatient,
  against: (call) => {
    const found = fittingConsents(call)
    return isObjection(found) ? found : null
  },
}

const patientNamed: Check = {
  name: 'patient',
  applies: (call) => call.resource === 'res_patient' && call.resourceId !== '',
  against: (call) => {
    if (!isOfPatient(call) || text(call, 'patient_id') === call.resourceId) return null
    return refusal({
      code: 'patient-mismatch',
      message: 'The resource is another patient than the fact patient_id says.',
      recommendation: 'Ask about one patient in one call.',
      severity: 'critical',
    })
  },
}

const purpose: Check = {
  name: 'purpose',
  applies: whereGiven('purpose'),
  against: (call) => {
    const said = text(call, 'purpose')
    if (said === null) return factsMissing(['purpose'])
    if (textsParameter(call, 'purposes').includes(said)) return null
    return refusal({
      code: 'purpose-not-allowed',
      message: 'The policy does not allow this purpose.',
      recommendation: 'Say a purpose that the domain healthcare of the policy names.',
    })
  },
}

const minimumNecessary: Check = {
  name: 'minimum-necessary',
  applies: (call) =>
    whereGiven('fields')(call) ||
    on('axn_read_record', 'axn_search_patients', 'axn_write_record', 'axn_share_record')(call),
  against: (call) => {
    const fields = names(call, 'fields')
    if (fields === null) return factsMissing(['fields'])
    const row = rowOf(call, 'fields', call.action)
    const allowed = new Set(Array.isArray(row) ? row : [])
    if (fields.every((field) => allowed.has(field))) return null
    return refusal({
      code: 'minimum-necessary',
      message: 'The call touches fields beyond the minimum that this action needs.',
      recommendation:
        'Name each field, and only those that the domain healthcare of the policy lists for this action.',
    })
  },
}

const searchLimit: Check = {
  name: 'search-limit',
  applies: on('axn_search_patients'),
  against: (call) => {
    const limit = count(call, 'limit')
    if (limit === null) return factsMissing(['limit'])
    const most = integerParameter(call, 'search_max')
    if (limit <= most) return null
    return refusal({
      code: 'search-too-wide',
      message: `The search may find more than ${most} patients.`,
      recommendation: `Ask for ${most} patients at most.`,
      severity: 'medium',
    })
  },
}

const isPhiHost = (call: DomainCall): boolean =>
  isHostOf(destinationOf(call), textsParameter(call, 'phi_hosts'))

const shareDestination: Check = {
  name: 'share-destination',
  applies: on('axn_share_record'),
  against: (call) =>
    isPhiHost(call)
      ? null
      : refusal({
          code: 'share-destination',
          message: 'Records of patients may not be sent to this host.',
          recommendation: 'Share with a host that the policy names under phi_hosts.',
          severity: 'critical',
        }),
}

const content: Check = {
  name: 'identifiers',
  applies: (call) => isGiven(call, 'content') && !isPhiHost(call),
  against: (call) => {
    const value = text(call, 'content')
    if (value === null) return factsMissing(['content'])
    const isRead = value.length <= integerParameter(call, 'content_max')
    const found = isRead ? healthIdentifiers(value) : ['too much to be looked through']
    if (found.length === 0) return null
    return refusal({
      code: isRead ? 'identifiers-leave' : 'content-too-large',
      message: `The content holds ${found.join(', ')}, and goes to a host that may not have it.`,
      recommendation: 'Take out what identifies a patient.',
      severity: 'critical',
    })
  },
}

const physician: Check = {
  name: 'physician-approval',
  applies: on('axn_prescribe', 'axn_treat'),
  against: (call) =>
    demand({
      code: 'physician-approval',
      message: 'A physician must agree to this treatment.',
      recommendation: 'Wait for the approval, then send the same request again.',
      need: 1,
      of: textsParameter(call, 'physicians'),
    }),
}

/** Uses up a consent that counts once, unless another fits that counts for longer. */
function effects(call: DomainCall): DomainEffects {
  const found = isOfPatient(call) ? fittingConsents(call) : []
  if (isObjection(found) || !found.every(isSingleUse)) return noEffects
  const [first] = found
  if (first === undefined) return noEffects
  const key = markKey('healthcare/consent', [first.issuer, first.id])
  const reason = {
    code: 'proof-invalid',
    id: 'healthcare/consent-used',
    message: 'This consent counted once, and was used.',
  } as const
  return {
    charge: {},
    marks: [{ op: 'once', key, amount: 1, limit: 0, until: first.expiresAt, reason }],
  }
}

export const healthcareDomain = domainOf({
  config: healthcareConfig,
  checks: [
    ...[consent, patientNamed, purpose, minimumNecessary, searchLimit],
    ...[shareDestination, content, physician],
  ],
  effects,
  templates: healthcareTemplates,
  controls: [
    'hipaa/164.308(a)(4)',
    'hipaa/164.312(a)(1)',
    'hipaa/164.312(b)',
    'gdpr/art-9',
    'gdpr/art-30',
    '21-cfr-11/11.10(d)',
    '21-cfr-11/11.10(e)',
  ],
  controlsByAction: new Map([
    ['axn_read_record', ['hipaa/164.502(b)', 'gdpr/art-5', 'gdpr/art-7', 'hipaa/164.312(d)']],
    ['axn_search_patients', ['hipaa/164.502(b)', 'gdpr/art-5']],
    ['axn_write_record', ['hipaa/164.502(b)', 'hipaa/164.312(c)(1)', 'gdpr/art-7']],
    [
      'axn_share_record',
      ['hipaa/164.502(b)', 'hipaa/164.508', 'hipaa/164.528', 'hipaa/164.312(e)(1)', 'gdpr/art-7'],
    ],
    ['axn_prescribe', ['21-cfr-11/11.10(g)', 'eu-ai-act/art-14', 'gdpr/art-22', 'gdpr/art-7']],
    ['axn_treat', ['21-cfr-11/11.10(g)', 'eu-ai-act/art-14', 'gdpr/art-22', 'gdpr/art-7']],
  ]),
})
