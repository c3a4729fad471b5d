/** Puts a credential into a request on its way out, where the policy says; the agent never held it. */
import type { CredentialPlacement, CredentialTerms } from '../kernel/credential.ts'
import type { HeaderList } from '../kernel/payload.ts'
import type { Reason } from '../kernel/reasons.ts'

/** What of a request a credential may change. */
export interface Outgoing {
  readonly headers: HeaderList
  /** Without the question mark; empty where there is none. */
  readonly query: string
}

/** A credential with its value, read for this request. */
export interface Credential {
  readonly terms: CredentialTerms
  readonly secret: string
}

export type Injected =
  | { readonly ok: true; readonly outgoing: Outgoing }
  | { readonly ok: false; readonly reason: Reason }

/** What a header's value may hold (RFC 9110, section 5.5), without the bytes beyond ASCII that nobody agrees on. */
const headerValueForm = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

const headerNameForm = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const controls = /[\u0000-\u001f\u007f]/

/**
 * Sets each credential in turn. It replaces whatever the agent sent in its place, a placeholder or not.
 *
 * errors  a value that would not stay where it is put: with line ends, control characters, or nothing in it.
 */
export function inject(outgoing: Outgoing, credentials: readonly Credential[]): Injected {
  let present = outgoing
  for (const { terms, secret } of credentials) {
    const next = isWhole(secret) ? placed(present, terms.placement, secret) : null
    if (next === null) return { ok: false, reason: unusable(terms.name) }
    present = next
  }
  return { ok: true, outgoing: present }
}

const isWhole = (secret: string): boolean =>
  secret !== '' && secret.isWellFormed() && !controls.test(secret)

function unusable(name: string): Reason {
  const message = `The credential ${name} has a value that no request can carry: tell an operator.`
  return { code: 'policy-unavailable', id: name, message }
}

function placed(
  outgoing: Outgoing,
  placement: CredentialPlacement,
  secret: string,
): Outgoing | null {
  switch (placement.kind) {
    case 'header': {
      // A function, since a text in its place would have its dollar signs read.
      const value = placement.format.replace('{secret}', () => secret)
      return withHeader(outgoing, placement.name, value)
    }
    case 'query':
      return { ...outgoing, query: withParameter(outgoing.query, placement.key, secret) }
    case 'basic': {
      if (placement.user.includes(':') || controls.test(placement.user)) return null
      const encoded = Buffer.from(`${placement.user}:${secret}`, 'utf8').toString('base64')
      return withHeader(outgoing, 'Authorization', `Basic ${encoded}`)
    }
  }
}

/** The header once, with this value, and none of its name that was there. */
function withHeader(outgoing: Outgoing, name: string, value: string): Outgoing | null {
  if (!headerNameForm.test(name) || !headerValueForm.test(value)) return null
  const headers: string[] = []
  for (let index = 0; index + 1 < outgoing.headers.length; index += 2) {
    const known = outgoing.headers[index] ?? ''
    if (known.toLowerCase() === name.toLowerCase()) continue
    headers.push(known, outgoing.headers[index + 1] ?? '')
  }
  return { ...outgoing, headers: [...headers, name, value] }
}

/** As a form is written: a plus is a blank, and what is no escape stands for itself. */
function parameterName(parameter: string): string {
  const end = parameter.indexOf('=')
  const name = end === -1 ? parameter : parameter.slice(0, end)
  return name
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** The parameter once, behind the others, which stay byte for byte as they were. */
function withParameter(query: string, key: string, value: string): string {
  const name = Buffer.from(key, 'utf8').toString('latin1')
  const present = query === '' ? [] : query.split('&')
  const others = present.filter((other) => parameterName(other) !== name)
  return [...others, `${encodeURIComponent(key)}=${encodeURIComponent(value)}`].join('&')
}
