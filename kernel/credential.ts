/** What a policy says of a credential that the proxy sets on the way out: where its value is, and where it goes. */

/** Where the value is read when it is needed; a policy never holds it. */
export type CredentialSource =
  | { readonly kind: 'env'; readonly variable: string }
  /** The file's first line. */
  | { readonly kind: 'file'; readonly path: string }
  /** The first line that the command prints; never run by a shell. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }

/** Where the value goes in a request. */
export type CredentialPlacement =
  /** `format` holds `{secret}` once; the header replaces whatever the agent sent under its name. */
  | { readonly kind: 'header'; readonly name: string; readonly format: string }
  /** A parameter of the query, which replaces the agent's own. */
  | { readonly kind: 'query'; readonly key: string }
  /** RFC 7617: the user's name; the value is the password. */
  | { readonly kind: 'basic'; readonly user: string }

export interface CredentialTerms {
  readonly name: string
  readonly source: CredentialSource
  readonly placement: CredentialPlacement
  /** What an agent holds in place of the value, and may send wherever it would go; empty where there is none. */
  readonly placeholder: string
}

/** A proxy that requests may be sent through: by CONNECT, and by name in absolute-form where they are plain. */
export interface UpstreamProxyTerms {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Name of the credential for Proxy-Authorization (placement `basic` or `header`); empty where it needs none. */
  readonly credential: string
  /** What it is asked for: the addresses that were judged, or hosts, which it then resolves by itself. */
  readonly by: 'address' | 'name'
}
