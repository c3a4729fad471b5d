/** Where anchors are kept: `s3://bucket/prefix`, with what the environment says of region, endpoint and keys. */

export type Environment = Readonly<Record<string, string | undefined>>

/** A bucket, how it is reached, and with whose keys. Never printed: it holds the secret. */
export interface Place {
  /** As it was given, for people: `s3://bucket/prefix`. */
  readonly text: string
  /** URL of the bucket, without a slash at its end. */
  readonly base: string
  /** Empty, or with a slash at its end. */
  readonly prefix: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

/** Words between slashes that stay themselves in a URL; `.` and `..` do not. */
const path = /^(?!\.{1,2}(?:\/|$))[\w.~:[\]-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.~:[\]-]+)*$/

const pathCharactersMax = 400

/** It is recorded in each entry `anchor`. */
const storeCharactersMax = 200

/** True where a text can be a part of the name of an object: an origin, a prefix. */
export function isPath(text: string): boolean {
  return text.length <= pathCharactersMax && path.test(text)
}

/** Reads where a store is; a sentence with the way out where it cannot be told. */
export function placeOf(store: string, environment: Environment): Place | string {
  const form = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/?$/.exec(store)
  const [, bucket = '', prefix = ''] = form ?? []
  if (bucket === '') return `an anchor store is s3://BUCKET or s3://BUCKET/PREFIX, not '${store}'`
  if (store.length > storeCharactersMax) return `${store} is longer than ${storeCharactersMax}`
  if (prefix !== '' && !isPath(prefix)) {
    return `the prefix of ${store} may have letters, digits, '.', '-', '_' and '/'`
  }
  const accessKeyId = environment['AWS_ACCESS_KEY_ID'] ?? ''
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'] ?? ''
  if (accessKeyId === '' || secretAccessKey === '') {
    return `no keys for ${store}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`
  }
  const reached = reachedAt(bucket, environment)
  if (typeof reached === 'string') return reached
  return {
    ...reached,
    text: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    prefix: prefix === '' ? '' : `${prefix}/`,
    accessKeyId,
    secretAccessKey,
    sessionToken: environment['AWS_SESSION_TOKEN'] ?? '',
  }
}

/** A store of one's own has the bucket in the path; AWS has it in the name, but where a dot would break TLS. */
function reachedAt(
  bucket: string,
  environment: Environment,
): Pick<Place, 'base' | 'region'> | string {
  const region = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || ''
  const endpoint = environment['AWS_ENDPOINT_URL_S3'] || environment['AWS_ENDPOINT_URL'] || ''
  if (region !== '' && !/^[a-z0-9-]{2,40}$/.test(region)) return `AWS_REGION is '${region}'`
  if (endpoint === '') {
    if (region === '') return 'set AWS_REGION, or AWS_ENDPOINT_URL_S3 for a store of your own'
    const host = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
    const base = bucket.includes('.') ? `https://${host}/${bucket}` : `https://${bucket}.${host}`
    return { base, region }
  }
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null
  const plain = url !== null && `${url.username}${url.password}${url.search}${url.hash}` === ''
  if (!plain || !/^https?:$/.test(url.protocol)) {
    return 'AWS_ENDPOINT_URL_S3 is an http or https URL without user, password and query'
  }
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}/${bucket}`
  return { base, region: region === '' ? 'us-east-1' : region }
}
