/** What operators and the gate itself did, as Detection Finding, Entity Management, Application Lifecycle, Event Log. */
import { type Event, other, severity } from './ocsf-network.ts'
import { type LogName, present, type Reading, textOf } from './reading.ts'

const detectionFinding = 2004
const entityManagement = 3004
const applicationLifecycle = 6002
const eventLogActivity = 1008
const baseEvent = 0

const update = 3
const resume = 13

const success = { action_id: 1, disposition_id: 1, status_id: 1 } as const
const refused = { action_id: 2, disposition_id: 25, status_id: 2 } as const

/** An order that the kernel refused changed nothing. */
function resultOf(reading: Reading): object {
  const verdict = textOf(reading.entry.data['verdict'])
  return verdict === '' || verdict === 'allow' || verdict === 'warn' ? success : refused
}

/** The event of an entry that is no request; base event where no class is near. */
export function otherEvent(reading: Reading, log: LogName): Event {
  switch (reading.entry.kind) {
    case 'halt':
      return finding(reading, log, { title: 'Halt', severityId: severity.high })
    case 'incident':
      return finding(reading, log, { title: 'Incident', severityId: severity.critical })
    case 'alert':
      return finding(reading, log, { title: 'Budget alert', severityId: severity.medium })
    case 'reinstate':
      return order(reading, { activityId: resume, type: 'scope', name: reading.text('scope') })
    case 'grant':
    case 'revoke':
      return order(reading, { activityId: update, type: 'budget', name: reading.text('budget') })
    case 'approval':
      return order(reading, {
        activityId: update,
        type: 'approval',
        name: reading.text('approval'),
      })
    case 'policy.load':
      return policyLoad(reading)
    case 'boot.open':
      return lifecycle(reading, log, 3)
    case 'boot.close':
      return lifecycle(reading, log, 4)
    case 'log.genesis':
      return logged(log, { activityId: 6 })
    case 'segment.open':
      return logged(log, { activityId: 5 })
    case 'checkpoint':
    case 'key.rotate':
    case 'anchor':
    case 'clock.step':
    case 'erasure':
      return logged(log, { activityId: other, activityName: reading.entry.kind })
    default:
      return unknownKind(reading)
  }
}

function finding(
  reading: Reading,
  log: LogName,
  { severityId, title }: { readonly severityId: number; readonly title: string },
): Event {
  const { kind, seq, ts } = reading.entry
  const scope = textOf(reading.entry.data['scope'])
  const desc = reading.text('message') || reading.text('reason')
  return {
    classUid: detectionFinding,
    activityId: 1,
    severityId,
    members: {
      action_id: kind === 'halt' ? 2 : 3,
      disposition_id: kind === 'halt' ? 2 : 19,
      finding_info: {
        created_time: Date.parse(ts),
        desc: present(desc),
        title: scope === '' ? title : `${title}: ${scope}`,
        types: [kind],
        uid: `${log.logId}:${seq}`,
      },
      is_alert: true,
      ...(scope === '' ? {} : { resources: [{ name: scope, type: 'scope' }] }),
      status_id: 1,
    },
  }
}

function order(
  reading: Reading,
  { activityId, name, type }: { activityId: number; name: string; type: string },
): Event {
  return {
    classUid: entityManagement,
    activityId,
    severityId: severity.low,
    members: {
      ...resultOf(reading),
      comment: present(reading.text('reason')),
      entity: { name: name === '' ? 'unknown' : name, type, type_id: other },
    },
  }
}

function policyLoad(reading: Reading): Event {
  const digest = reading.text('digest')
  const uid = digest === '' ? 'unknown' : digest
  return {
    classUid: entityManagement,
    activityId: update,
    severityId: severity.low,
    members: {
      ...resultOf(reading),
      entity: { name: 'policy', policy: { uid }, type: 'Policy', type_id: 5, uid },
    },
  }
}

function lifecycle(reading: Reading, log: LogName, activityId: number): Event {
  const createdBy = reading.text('created_by')
  return {
    classUid: applicationLifecycle,
    activityId,
    severityId: severity.informational,
    members: {
      ...success,
      app: {
        name: 'haltgate',
        uid: log.logId,
        vendor_name: 'haltgate',
        version: present(createdBy.replace(/^haltgate\//, '')),
      },
    },
  }
}

function logged(
  log: LogName,
  { activityId, activityName }: { readonly activityId: number; readonly activityName?: string },
): Event {
  return {
    classUid: eventLogActivity,
    activityId,
    activityName,
    severityId: severity.informational,
    members: {
      ...success,
      log_name: log.origin,
      log_provider: 'haltgate',
      log_type: 'Application',
      log_type_id: 2,
    },
  }
}

function unknownKind(reading: Reading): Event {
  return {
    classUid: baseEvent,
    activityId: other,
    activityName: reading.entry.kind,
    severityId: severity.informational,
    members: { message: present(reading.text('message')) },
  }
}
