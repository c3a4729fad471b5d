/** Reads the credentials and proxies that rules refer to: where a value is kept and where it goes, never the value. */
import type { CredentialTerms, UpstreamProxyTerms } from '../kernel/credential.ts'
import type { FileCredential, FileUpstreamProxy, PolicyFile } from './file.ts'
import { readHost } from './host.ts'
import { direct } from './read-inspection.ts'
import type { Reading } from './reading.ts'
import type { Path } from './yaml-text.ts'

/** What stands in a header's format in place of the value. */
const secretMark = '{secret}'

/** IEEE Std 1003.1 section 8.1. */
const variablePattern = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/

/** RFC 9110 section 5.6.2. */
const headerPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/

/** These frame or route a message, or are the gate's own. */
const forbiddenHeader =
  /^(?:connection|content-length|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*|haltgate-.*)$/i

const visible = /^[\x20-\x7e]+$/

const queryPattern = /^[A-Za-z0-9._~-]{1,64}$/

/** RFC 7617 section 2: a user's name holds no colon. */
const userPattern = /^[\x21-\x39\x3b-\x7e]{1,128}$/

/** Shorter ones would be found where nobody meant them. */
const placeholderPattern = /^[\x21-\x7e]{8,256}$/

/** Stand in for keys whose absence was told. */
const credentialDefault = { source: {}, as: { query: 'missing' } }
const proxyDefault = { url: 'http://missing:1' }

interface At {
  readonly reading: Reading
  readonly isBroken: (path: Path) => boolean
}

/** Credentials by name, ascending. */
export function readCredentials(file: PolicyFile, at: At): readonly CredentialTerms[] {
  return entries(file.credentials, 'credentials', at).map(([name, written]) => {
    const raw = { ...credentialDefault, ...written }
    const path = ['credentials', name]
    at.reading.isName(path, name, 'a credential', 'key')
    return {
      name,
      source: readPlace(raw.source, [...path, 'source'], at.reading),
      placement: readPlacement(raw.as, [...path, 'as'], at.reading),
      placeholder: readPlaceholder(raw, [...path, 'placeholder'], at.reading),
    }
  })
}

/** Entries that the schema let pass, ascending by name. */
function entries<T>(
  map: Readonly<Record<string, T>> | undefined,
  key: string,
  { isBroken }: At,
): readonly (readonly [string, T])[] {
  if (map === undefined || isBroken([key])) return []
  const names = Object.keys(map).filter((name) => !isBroken([key, name]))
  return names.sort().flatMap((name) => {
    const value = map[name]
    return value === undefined ? [] : [[name, value] as const]
  })
}

function readPlace(
  raw: FileCredential['source'],
  path: Path,
  reading: Reading,
): CredentialTerms['source'] {
  const { env, file, command } = raw
  if (env !== undefined) {
    if (!variablePattern.test(env)) reading.problem([...path, 'env'], `"${env}" is no variable`)
    return { kind: 'env', variable: env }
  }
  if (file !== undefined) {
    if (!file.startsWith('/')) reading.problem([...path, 'file'], 'write the whole path, from `/`')
    return { kind: 'file', path: file }
  }
  return { kind: 'command', argv: command ?? [] }
}

function readPlacement(
  raw: FileCredential['as'],
  path: Path,
  reading: Reading,
): CredentialTerms['placement'] {
  const { header, format, query, basic } = raw
  const ways = [header, query, basic].filter((way) => way !== undefined)
  if (ways.length !== 1) reading.problem(path, 'a credential goes as `header`, `query` or `basic`')
  if (header === undefined && format !== undefined) {
    reading.problem([...path, 'format'], '`format` needs `header`', 'key')
  }
  if (query !== undefined) {
    if (!queryPattern.test(query)) reading.problem([...path, 'query'], `"${query}" is no parameter`)
    return { kind: 'query', key: query }
  }
  if (basic !== undefined) {
    if (!userPattern.test(basic)) reading.problem([...path, 'basic'], `"${basic}" is no user`)
    return { kind: 'basic', user: basic }
  }
  return readHeader({ header: header ?? '', format }, path, reading)
}

function readHeader(
  raw: { readonly header: string; readonly format: string | undefined },
  path: Path,
  reading: Reading,
): CredentialTerms['placement'] {
  const { header, format = secretMark } = raw
  if (raw.header !== '' && (!headerPattern.test(header) || forbiddenHeader.test(header))) {
    reading.problem([...path, 'header'], `"${header}" is no header that a credential may be set in`)
  }
  if (format.split(secretMark).length !== 2 || !visible.test(format)) {
    reading.problem([...path, 'format'], `\`format\` holds ${secretMark} once, and visible ASCII`)
  }
  return { kind: 'header', name: header.toLowerCase(), format }
}

function readPlaceholder(raw: FileCredential, path: Path, reading: Reading): string {
  const { placeholder } = raw
  if (placeholder === undefined) return ''
  if (!placeholderPattern.test(placeholder)) {
    reading.problem(path, 'a placeholder is 8 to 256 visible characters, without spaces')
  }
  return placeholder
}

/** Proxies by name, ascending. `credentials` are those of the file. */
export function readUpstreamProxies(
  file: PolicyFile,
  at: At & { readonly credentials: readonly CredentialTerms[] },
): readonly UpstreamProxyTerms[] {
  return entries(file.upstream_proxies, 'upstream_proxies', at).map(([name, written]) => {
    const raw = { ...proxyDefault, ...written }
    const path = ['upstream_proxies', name]
    at.reading.isName(path, name, 'a proxy', 'key')
    if (name === direct) at.reading.problem(path, '`direct` means no proxy at all', 'key')
    const { by = 'address' } = raw
    return { name, by, ...readUrl(raw, path, at.reading), credential: readAuth(raw, path, at) }
  })
}

function readAuth(
  { auth }: FileUpstreamProxy,
  path: Path,
  at: { readonly reading: Reading; readonly credentials: readonly CredentialTerms[] },
): string {
  if (auth === undefined) return ''
  const place = [...path, 'auth']
  const declared = new Set(at.credentials.map(({ name }) => name))
  at.reading.refersTo(place, auth, { declared, what: 'credential', under: 'credentials' })
  const placement = at.credentials.find(({ name }) => name === auth)?.placement
  if (placement?.kind === 'query') {
    at.reading.problem(place, 'a proxy takes a credential as `basic` or `header`, not as `query`')
  }
  return auth
}

/** `http://host:port` and nothing else. */
const proxyUrl = /^http:\/\/(\[[^\]]+\]|[^/?#@:[\]]+):([1-9][0-9]{0,4})\/?$/

function readUrl(
  { url }: FileUpstreamProxy,
  path: Path,
  reading: Reading,
): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = proxyUrl.exec(url) ?? []
  const read = readHost(host)
  const isHost = 'kind' in read && read.kind === 'exact' && !read.excepted
  if (isHost && Number(port) <= 65_535) return { host: read.name, port: Number(port) }
  reading.problem([...path, 'url'], 'a proxy is written `http://HOST:PORT`, without credentials')
  return { host: '', port: 0 }
}
