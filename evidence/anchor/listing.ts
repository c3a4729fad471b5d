/** Reads what a store answers in XML: a page of versions, the code of an error. Known tags only, and bounded. */

/** One version of an object, or a delete marker. */
export interface Version {
  readonly key: string
  /** `null` where the bucket keeps no versions. */
  readonly id: string
  readonly latest: boolean
  readonly deleted: boolean
  /** 0 for a delete marker. */
  readonly bytes: number
}

/** Where the next page of a listing begins. */
export interface Marker {
  readonly key: string
  readonly id: string
}

export interface Page {
  /** Keys ascending; of one key the newest first. */
  readonly versions: readonly Version[]
  /** Null at the end. */
  readonly next: Marker | null
}

const root = 'ListVersionsResult'

/** Reads an answer to ListObjectVersions, in one pass over it; a sentence where it is none. */
export function pageOf(xml: string): Page | string {
  const begin = xml.indexOf(`<${root}`)
  const end = xml.lastIndexOf(`</${root}>`)
  if (begin < 0 || end < begin) return 'it is no list of versions'
  const body = xml.slice(begin + root.length + 1, end)
  const versions: Version[] = []
  // What stands outside of versions: the same tags mean something else inside.
  let outside = ''
  let at = 0
  for (let next = openingAt(body, at); next !== null; next = openingAt(body, at)) {
    const close = body.indexOf(`</${next.tag}>`, next.inner)
    if (close < 0) return 'a version of it does not end'
    const version = versionOf(body.slice(next.inner, close), next.tag === 'DeleteMarker')
    if (version === null) return 'a version of it has no key, id or size'
    versions.push(version)
    outside += body.slice(at, next.begin)
    at = close + next.tag.length + 3
  }
  outside += body.slice(at)
  const truncated = textOf(outside, 'IsTruncated')
  if (truncated === 'false') return { versions, next: null }
  const key = textOf(outside, 'NextKeyMarker')
  if (truncated !== 'true' || key === null || key === '') return 'it does not say whether it ends'
  return { versions, next: { key, id: textOf(outside, 'NextVersionIdMarker') ?? '' } }
}

interface Opening {
  readonly tag: string
  readonly begin: number
  /** Where its content begins. */
  readonly inner: number
}

/** The next opening tag of a version or a delete marker. */
function openingAt(body: string, from: number): Opening | null {
  const opening = /<(Version|DeleteMarker)>/g
  opening.lastIndex = from
  const found = opening.exec(body)
  if (found === null) return null
  return { tag: found[1] ?? '', begin: found.index, inner: opening.lastIndex }
}

function versionOf(inner: string, deleted: boolean): Version | null {
  const key = textOf(inner, 'Key')
  const id = textOf(inner, 'VersionId')
  const size = deleted ? '0' : textOf(inner, 'Size')
  if (key === null || key === '' || id === null || size === null || !/^\d{1,15}$/.test(size)) {
    return null
  }
  return { key, id, latest: textOf(inner, 'IsLatest') === 'true', deleted, bytes: Number(size) }
}

/** The code of an error: `SlowDown`, `AccessDenied`; empty where there is none. */
export function errorCodeOf(xml: string): string {
  const code = xml.includes('<Error>') ? textOf(xml, 'Code') : null
  return code !== null && /^[A-Za-z]{1,60}$/.test(code) ? code : ''
}

function textOf(xml: string, tag: string): string | null {
  const text = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1]
  if (text !== undefined) return unescaped(text)
  return xml.includes(`<${tag}/>`) ? '' : null
}

const named: Readonly<Record<string, string>> = { amp: '&', apos: "'", gt: '>', lt: '<', quot: '"' }

/** The five entities of XML and characters by number; anything else stays as it is. */
function unescaped(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{1,4}));/g, (whole, ...found) => {
    const [decimal, hex, name] = found as (string | undefined)[]
    if (name !== undefined) return named[name] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}
