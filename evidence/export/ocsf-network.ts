/** What agents did and were refused, as HTTP Activity (4002) or, where nothing is sent, API Activity (6003). */
import { codesOf, listOf, membersOf, numberOf, present, type Reading, textOf } from './reading.ts'

/** What is particular to a class; the envelope is the same for all (ocsf.ts). */
export interface Event {
  readonly classUid: number
  readonly activityId: number
  readonly activityName?: string | undefined
  readonly severityId: number
  readonly members: Readonly<Record<string, unknown>>
}

export const severity = {
  informational: 1,
  low: 2,
  medium: 3,
  high: 4,
  critical: 5,
} as const

export const other = 99

const httpActivity = 4002
const apiActivity = 6003

const methods: Readonly<Record<string, number>> = {
  CONNECT: 1,
  DELETE: 2,
  GET: 3,
  HEAD: 4,
  OPTIONS: 5,
  POST: 6,
  PUT: 7,
  TRACE: 8,
  PATCH: 9,
}

const action = { allowed: 1, denied: 2, observed: 3 } as const

interface Control {
  readonly actionId: number
  readonly action?: string
  readonly dispositionId: number
  readonly severityId: number
}

/** By verdict. What waits for its turn is neither allowed nor denied yet. */
const controls: Readonly<Record<string, Control>> = {
  allow: { actionId: action.allowed, dispositionId: 1, severityId: severity.informational },
  warn: { actionId: action.allowed, dispositionId: 19, severityId: severity.low },
  queue: {
    actionId: other,
    action: 'Queued',
    dispositionId: 14,
    severityId: severity.low,
  },
  approve: { actionId: action.denied, dispositionId: 23, severityId: severity.low },
  deny: { actionId: action.denied, dispositionId: 2, severityId: severity.medium },
  halt: { actionId: action.denied, dispositionId: 2, severityId: severity.high },
}

const unknown: Control = { actionId: 0, dispositionId: 0, severityId: 0 }

/** What is decided and not enforced is observed and logged: a preview, and a gate in mode observe. */
function controlOf(verdict: string, isEnforced: boolean): Control {
  const known = controls[verdict] ?? unknown
  if (isEnforced || known === unknown) return known
  return { ...known, actionId: action.observed, dispositionId: 17 }
}

function controlMembers({ action: name, actionId, dispositionId }: Control): object {
  return {
    ...(name === undefined ? {} : { action: name }),
    action_id: actionId,
    disposition_id: dispositionId,
  }
}

export function networkEvent(reading: Reading): Event {
  const { kind } = reading.entry
  if (kind === 'rejected') return rejected(reading)
  if (kind === 'settlement') return settlement(reading)
  if (kind === 'extension') return extension(reading)
  return textOf(reading.entry.data['host']) === '' ? called(reading) : requested(reading)
}

/** The client of a request is its agent: its address is in no entry. */
function sourceOf({ entry }: Reading): object {
  return { name: entry.actor.agent ?? 'unknown' }
}

/** What policy said: the members of a decision that the profile `security_control` has a place for. */
function judged(reading: Reading): { readonly control: Control; readonly members: object } {
  const verdict = reading.text('verdict')
  const mode = textOf(reading.entry.data['mode'])
  const isEnforced = reading.entry.kind !== 'preview' && mode !== 'observe'
  const control = controlOf(verdict, isEnforced)
  const digest = reading.text('policy')
  const [rule] = listOf(reading.entry.data['rules'])
  const name = textOf(rule)
  const [code] = codesOf(reading.entry.data['reasons'])
  const members = {
    ...controlMembers(control),
    authorizations: [{ decision: verdict }],
    ...(name === '' ? {} : { firewall_rule: { name } }),
    is_alert: control.severityId >= severity.medium,
    ...(digest === '' ? {} : { policy: { uid: digest } }),
    status_code: code,
    status_detail: present(codesOf(reading.entry.data['reasons']).join(' ')),
  }
  return { control, members }
}

function portOf(reading: Reading): number | null {
  const port = numberOf(reading.entry.data['port'])
  return port === null || port < 0 || port > 65_535 ? null : reading.number('port')
}

function requested(reading: Reading): Event {
  const { control, members } = judged(reading)
  const method = reading.text('method')
  const host = reading.text('host')
  const port = portOf(reading)
  const path = reading.text('path')
  const scheme = reading.text('scheme')
  const endpoint = port === null ? { hostname: host } : { hostname: host, port }
  const activityId = methods[method] ?? other
  // A tunnel has an authority and no path; an address has one of both at least.
  const url = {
    ...endpoint,
    path: path === '' ? '/' : path,
    ...(scheme === '' ? {} : { scheme }),
  }
  return {
    classUid: httpActivity,
    activityId,
    activityName: activityId === other ? method || 'Unknown' : undefined,
    severityId: control.severityId,
    members: {
      ...members,
      dst_endpoint: endpoint,
      http_request: {
        ...(activityId === other ? {} : { http_method: method }),
        uid: present(reading.text('request')),
        url,
      },
      src_endpoint: sourceOf(reading),
    },
  }
}

/** An action of a domain that nobody sends: a rehearsal or a commitment. */
function called(reading: Reading): Event {
  const { control, members } = judged(reading)
  const domain = reading.text('domain')
  const resource = reading.text('resource')
  const operation = reading.text('action')
  return {
    classUid: apiActivity,
    activityId: other,
    activityName: operation || 'Unknown',
    severityId: control.severityId,
    members: {
      ...members,
      api: {
        operation: operation || 'unknown',
        request: { uid: reading.text('request') },
        ...(domain === '' ? {} : { service: { name: domain } }),
      },
      ...(resource === '' ? {} : { resources: [{ name: resource }] }),
      src_endpoint: sourceOf(reading),
    },
  }
}

function settlement(reading: Reading): Event {
  const status = reading.number('status')
  const outcome = reading.text('outcome')
  const actual = membersOf(reading.entry.data['actual'])
  const [bytesUp, bytesDown] = [numberOf(actual['bytes_up']), numberOf(actual['bytes_down'])]
  const durationMs = reading.number('duration_ms')
  const traffic = {
    ...(bytesDown === null ? {} : { bytes_in: bytesDown }),
    ...(bytesUp === null ? {} : { bytes_out: bytesUp }),
  }
  const isSettled = outcome === 'settled'
  return {
    classUid: httpActivity,
    activityId: other,
    activityName: 'Settlement',
    severityId: isSettled ? severity.informational : severity.low,
    members: {
      action_id: action.observed,
      disposition_id: 17,
      ...(durationMs === null ? {} : { duration: durationMs }),
      http_request: { uid: present(reading.text('request')) },
      ...(status === null || status === 0 ? {} : { http_response: { code: status } }),
      src_endpoint: sourceOf(reading),
      status: outcome,
      status_id: isSettled ? 1 : other,
      ...(Object.keys(traffic).length === 0 ? {} : { traffic }),
    },
  }
}

function extension(reading: Reading): Event {
  const { control, members } = judged(reading)
  return {
    classUid: httpActivity,
    activityId: other,
    activityName: 'Extension',
    severityId: control.severityId,
    members: {
      ...members,
      http_request: { uid: present(reading.text('request')) },
      src_endpoint: sourceOf(reading),
    },
  }
}

function rejected(reading: Reading): Event {
  const status = reading.number('status')
  const digest = reading.text('policy')
  return {
    classUid: httpActivity,
    activityId: 0,
    severityId: severity.medium,
    members: {
      ...controlMembers({ ...unknown, actionId: action.denied, dispositionId: 25 }),
      count: reading.number('count') ?? 1,
      http_response: { code: status ?? 0 },
      is_alert: true,
      message: present(reading.text('message')),
      ...(digest === '' ? {} : { policy: { uid: digest } }),
      src_endpoint: sourceOf(reading),
      status_code: present(reading.text('code')),
      status_id: 2,
    },
  }
}
