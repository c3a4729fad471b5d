/**
 * The authority that signs the leaves of inspected tunnels, as PEM texts: made, read and checked here; which files hold
 * them is the command line's affair. Loaded only where a policy inspects: the X.509 library takes 120 ms (2026-11).
 */
import 'reflect-metadata'
import {
  createPrivateKey,
  type KeyObject,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type Name,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509Certificate as X509Text,
} from '@peculiar/x509'

const dayMs = 86_400_000

/** A root of ours lives two years; `haltgate ca rotate` makes the next one. */
export const rootDays = 730

/** Clocks of clients may be behind ours by less than this. */
export const backdateMs = 3_600_000

/** Below this an RSA key is refused (NIST SP 800-57 part 1, table 2). */
const rsaBitsMin = 2048

/** PEM texts of an authority: the first certificate signs, those behind it lead to a root. */
export interface RootText {
  readonly certificatePem: string
  readonly keyPem: string
}

export interface Root {
  readonly ok: true
  readonly certificate: X509Certificate
  /** Every certificate of the text, for bundles. */
  readonly all: readonly X509Certificate[]
  /** What is sent behind a leaf: the certificates of the text that are not roots, which a client has or distrusts. */
  readonly chainPem: string
  /** As it stands in the certificate, so that issuer and subject are equal byte by byte (RFC 5280 section 7.1). */
  readonly name: Name
  readonly keyIdentifier: AuthorityKeyIdentifierExtension
  readonly signingKey: webcrypto.CryptoKey
  readonly signingAlgorithm: SigningAlgorithm
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

/** What is wrong with an authority, and what to do about it; nothing is inspected with it. */
export interface BadRoot {
  readonly ok: false
  readonly message: string
}

interface SigningAlgorithm {
  readonly name: string
  readonly hash: string
  readonly namedCurve?: string
}

/**
 * Makes a P-256 root that signs leaves and nothing below them. Its name is its own, so that a client which trusts two
 * never tries the wrong one.
 *
 * now  milliseconds since the epoch.
 */
export async function makeRoot(now: number): Promise<RootText> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [`haltgate CA ${randomBytes(4).toString('hex')}`] }, { O: ['haltgate'] }],
      notBefore: new Date(now - backdateMs),
      notAfter: new Date(now + rootDays * dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** Sixteen random bytes of which the first is neither negative nor zero (RFC 5280 section 4.1.2.2). */
export function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

/**
 * Reads an authority and checks that it can sign what a client will accept.
 *
 * text    any certificate authority in PEM, ours or an operator's; an encrypted key is refused.
 * now     milliseconds since the epoch.
 * errors  none: what is wrong is the answer (I7).
 */
export async function readRoot(text: RootText, now: number): Promise<Root | BadRoot> {
  const all = readCertificates(text.certificatePem)
  const certificate = all[0]
  if (certificate === undefined) return bad('The CA certificate is not a certificate in PEM.')
  const key = readKey(text.keyPem)
  if (key === null) return bad('The CA key is not a private key in PEM without a passphrase.')
  if (!certificate.checkPrivateKey(key))
    return bad('The CA key is not the key of the CA certificate.')
  const [notBefore, notAfter] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  if (!(now < notAfter)) return bad(`The CA certificate expired on ${certificate.validTo}.`)
  if (!(now >= notBefore)) {
    return bad(`The CA certificate is not valid before ${certificate.validFrom}.`)
  }
  const signingAlgorithm = algorithmOf(key)
  if (signingAlgorithm === null) {
    return bad(`The CA key must be EC (P-256, P-384, P-521) or RSA of ${rsaBitsMin} bits or more.`)
  }
  const parsed = new X509Text(certificate.raw)
  const usage = parsed.getExtension(KeyUsagesExtension)
  if (!certificate.ca || (usage !== null && (usage.usages & KeyUsageFlags.keyCertSign) === 0)) {
    return bad('The CA certificate may not sign certificates: it is no CA.')
  }
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  return {
    ok: true,
    certificate,
    all,
    chainPem: all.filter((one) => !isSelfSigned(one)).join(''),
    name: parsed.subjectName,
    keyIdentifier: await keyIdentifierOf(parsed),
    signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, signingAlgorithm, false, ['sign']),
    signingAlgorithm,
    notBefore,
    notAfter,
  }
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

/** Every certificate of a PEM text, in its order; none where one of them cannot be read. */
export function readCertificates(text: string): readonly X509Certificate[] {
  try {
    return (text.match(certificatePattern) ?? []).map((pem) => new X509Certificate(pem))
  } catch {
    return []
  }
}

/** A certificate that its own key has signed: the end of a chain. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate)
}

function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem)
  } catch {
    return null
  }
}

const curves: Readonly<Record<string, SigningAlgorithm>> = {
  prime256v1: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
}

function algorithmOf(key: KeyObject): SigningAlgorithm | null {
  const { asymmetricKeyDetails: details, asymmetricKeyType: type } = key
  if (type === 'ec') return curves[details?.namedCurve ?? ''] ?? null
  if (type !== 'rsa' || (details?.modulusLength ?? 0) < rsaBitsMin) return null
  return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
}

/** What the certificate calls its own key, and the usual digest of the key where it does not say. */
async function keyIdentifierOf(certificate: X509Text): Promise<AuthorityKeyIdentifierExtension> {
  const own = certificate.getExtension(SubjectKeyIdentifierExtension)
  if (own !== null) return new AuthorityKeyIdentifierExtension(own.keyId)
  return await AuthorityKeyIdentifierExtension.create(certificate.publicKey, false, webcrypto)
}

const bad = (message: string): BadRoot => ({ ok: false, message })
