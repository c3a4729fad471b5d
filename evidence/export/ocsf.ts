/** Entries as events of the Open Cybersecurity Schema Framework, 1.8.0: one JSON object a line (docs/exports.md). */
import type { Format } from './format.ts'
import { type Event, networkEvent } from './ocsf-network.ts'
import { otherEvent } from './ocsf-orders.ts'
import { type LogName, present, Reading, textOf } from './reading.ts'
import type { SoundLine } from './select.ts'

/** The release whose classes and ids these are. */
const schemaVersion = '1.8.0'

const networkKinds: ReadonlySet<string> = new Set([
  'decision',
  'preview',
  'settlement',
  'extension',
  'rejected',
])

/** The event of one entry; what no attribute of its class stands for is under `unmapped`. */
export function ocsfEvent({ entry, text }: SoundLine, log: LogName): object {
  const reading = new Reading(entry)
  const request = textOf(entry.data['request'])
  const event: Event = networkKinds.has(entry.kind)
    ? networkEvent(reading)
    : otherEvent(reading, log)
  const { activityId, classUid, members, severityId } = event
  const { actor, boot, data, hash, prev, ts } = entry
  const categoryUid = Math.floor(classUid / 1000)
  return {
    activity_id: activityId,
    ...(event.activityName === undefined ? {} : { activity_name: event.activityName }),
    actor: actorOf(actor, textOf(data['by'])),
    category_uid: categoryUid,
    class_uid: classUid,
    ...members,
    metadata: {
      correlation_uid: present(request),
      event_code: entry.kind,
      log_name: log.origin,
      original_time: ts,
      product: { name: 'haltgate', vendor_name: 'haltgate', version: log.version },
      profiles: ['host', 'security_control'],
      sequence: entry.seq,
      tenant_uid: actor.tenant,
      uid: `${log.logId}:${entry.seq}`,
      version: schemaVersion,
    },
    raw_data: text,
    severity_id: severityId,
    time: Date.parse(ts),
    type_uid: classUid * 100 + activityId,
    unmapped: {
      boot,
      data: reading.rest,
      hash,
      key: actor.key,
      prev,
      project: actor.project,
    },
  }
}

/** The agent is the application, its run the session, and the human on whose behalf the user. */
function actorOf({ agent, principal, run }: SoundLine['entry']['actor'], by: string): object {
  const user = principal ?? present(by)
  return {
    app_name: agent ?? 'haltgate',
    ...(run === undefined ? {} : { session: { uid: run } }),
    ...(user === undefined ? {} : { user: { uid: user } }),
  }
}

export function ocsf(log: LogName): Format {
  return {
    head: '',
    text: (batch) => batch.map((line) => `${JSON.stringify(ocsfEvent(line, log))}\n`).join(''),
  }
}
