/**
 * Brings a path into its one canonical spelling, so that a rule judges what the upstream will understand (I12);
 * refuses what servers are known to read in two ways.
 */

export type CanonicalPath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly message: string }

const refuse = (message: string): CanonicalPath => ({ ok: false, message })

/**
 * RFC 3986 section 6.2.2: percent-encoded unreserved characters are decoded, hex digits become upper case.
 * Dot segments (also encoded, also with a parameter behind: `..;`), encoded slashes and backslashes, encoded NUL,
 * and percent signs that encode nothing are refused.
 *
 * path  begins with `/`, printable ASCII without `?` and `#`.
 */
export function canonicalPath(path: string): CanonicalPath {
  let decoded = path
  if (path.includes('%')) {
    const answer = decode(path)
    if (!answer.ok) return answer
    decoded = answer.path
  }
  if (decoded.includes('\\')) return refuse('The path holds a backslash.')
  if (decoded.includes('/.') && hasDotSegment(decoded)) {
    return refuse('The path holds a dot segment: send the path it stands for.')
  }
  return { ok: true, path: decoded }
}

function decode(path: string): CanonicalPath {
  let decoded = ''
  let from = 0
  for (let at = path.indexOf('%'); at >= 0; at = path.indexOf('%', from)) {
    const byte = hexAt(path, at + 1) * 16 + hexAt(path, at + 2)
    if (Number.isNaN(byte)) return refuse('The path holds a percent sign that encodes nothing.')
    if (byte === 0x2f || byte === 0x5c) {
      return refuse('The path holds an encoded slash or backslash.')
    }
    if (byte === 0) return refuse('The path holds an encoded NUL.')
    decoded += path.slice(from, at)
    decoded += isUnreserved(byte) ? String.fromCharCode(byte) : path.slice(at, at + 3).toUpperCase()
    from = at + 3
  }
  return { ok: true, path: decoded + path.slice(from) }
}

function hexAt(text: string, index: number): number {
  const code = text.charCodeAt(index)
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : Number.NaN
}

/** RFC 3986 section 2.3. */
function isUnreserved(byte: number): boolean {
  if (byte === 45 || byte === 46 || byte === 95 || byte === 126) return true
  if (byte >= 48 && byte <= 57) return true
  return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)
}

/** Some servers take a parameter off a segment before they resolve dots (`/a/..;x/b`). */
function hasDotSegment(path: string): boolean {
  return path.split('/').some((segment) => {
    const semicolon = segment.indexOf(';')
    const name = semicolon < 0 ? segment : segment.slice(0, semicolon)
    return name === '.' || name === '..'
  })
}
