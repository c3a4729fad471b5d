/** What an S3 store answers, as XML: lists of objects and versions, and errors. */
import type { Listed, Objects } from './objects.ts'

const head = '<?xml version="1.0" encoding="UTF-8"?>\n'

const namespace = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Statuses by code. */
export const statuses: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  BadDigest: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidRequest: 400,
  InvalidToken: 400,
  MethodNotAllowed: 405,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchVersion: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  XAmzContentSHA256Mismatch: 400,
}

export function errorXml(code: string): string {
  return `${head}<Error><Code>${code}</Code><Message>of the test</Message><RequestId>1</RequestId></Error>`
}

export function versionsXml(objects: Objects, query: URLSearchParams, pageMax: number): string {
  const prefix = query.get('prefix') ?? ''
  const after = {
    key: query.get('key-marker') ?? '',
    id: query.get('version-id-marker') ?? '',
  }
  const most = Math.min(pageMax, Number(query.get('max-keys') ?? pageMax))
  const all = objects.list(prefix, after)
  const page = all.slice(0, most)
  const last = page.at(-1)?.version
  const next =
    all.length > page.length && last !== undefined
      ? `<IsTruncated>true</IsTruncated><NextKeyMarker>${escaped(last.key)}</NextKeyMarker><NextVersionIdMarker>${last.id}</NextVersionIdMarker>`
      : '<IsTruncated>false</IsTruncated>'
  return `${head}<ListVersionsResult ${namespace}><Name>b</Name><Prefix>${escaped(prefix)}</Prefix><KeyMarker>${escaped(after.key)}</KeyMarker><VersionIdMarker/><MaxKeys>${most}</MaxKeys>${next}${page.map(listedXml).join('')}</ListVersionsResult>`
}

function listedXml({ latest, version }: Listed): string {
  const { bytes, deleted, id, key, modified } = version
  const common = `<Key>${escaped(key)}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest><LastModified>${new Date(modified).toISOString()}</LastModified>`
  const owner = '<Owner><ID>1</ID></Owner>'
  if (deleted) return `<DeleteMarker>${common}${owner}</DeleteMarker>`
  return `<Version>${common}<ETag>&quot;0&quot;</ETag><Size>${bytes.length}</Size>${owner}<StorageClass>STANDARD</StorageClass></Version>`
}
