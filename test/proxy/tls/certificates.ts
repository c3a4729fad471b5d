/** Certificates for tests, good ones and each kind of bad one, made with the library that the mint uses. */
import 'reflect-metadata'
import { KeyObject, randomBytes, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const hourMs = 3_600_000

export interface Certified {
  readonly cert: string
  readonly key: string
}

export interface Authority extends Certified {
  readonly keys: webcrypto.CryptoKeyPair
  readonly name: string
}

export interface Terms {
  /** Hours from now. */
  readonly from?: number
  readonly to?: number
  readonly names?: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[]
  readonly ca?: boolean
  readonly signs?: boolean
  readonly usage?: string
  readonly algorithm?: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams
}

const p256 = { name: 'ECDSA', namedCurve: 'P-256' }

export const rsa = (bits: number): webcrypto.RsaHashedKeyGenParams => ({
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: bits,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
})

/** A certificate that signs itself: a CA unless the terms say otherwise. */
export async function selfSigned(name: string, terms: Terms = {}): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(terms.algorithm ?? p256, true, ['sign', 'verify'])
  const text = await sign(
    { subject: name, issuer: name, keys, signer: keys },
    { ca: true, ...terms },
  )
  return { cert: text, key: pemOf(keys.privateKey), keys, name }
}

/** A certificate signed by another one; a server's unless the terms say otherwise. */
export async function signedBy(
  issuer: Authority,
  name: string,
  terms: Terms = {},
): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(terms.algorithm ?? p256, true, ['sign', 'verify'])
  const signing = { subject: name, issuer: issuer.name, keys, signer: issuer.keys }
  return { cert: await sign(signing, terms), key: pemOf(keys.privateKey), keys, name }
}

interface Signing {
  readonly subject: string
  readonly issuer: string
  readonly keys: webcrypto.CryptoKeyPair
  readonly signer: webcrypto.CryptoKeyPair
}

async function sign(signing: Signing, terms: Terms): Promise<string> {
  const { ca = false, from = -1, names = [], signs = ca, to = 24, usage } = terms
  const now = Date.now()
  const flags = signs ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: `40${randomBytes(8).toString('hex')}`,
      subject: `CN=${signing.subject}`,
      issuer: `CN=${signing.issuer}`,
      notBefore: new Date(now + from * hourMs),
      notAfter: new Date(now + to * hourMs),
      publicKey: signing.keys.publicKey,
      signingKey: signing.signer.privateKey,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new BasicConstraintsExtension(ca, undefined, true),
        new KeyUsagesExtension(flags, true),
        ...(ca ? [] : [new ExtendedKeyUsageExtension([usage ?? ExtendedKeyUsage.serverAuth])]),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension([...names])]),
      ],
    },
    webcrypto,
  )
  return `${certificate.toString('pem')}\n`
}

const pemOf = (key: webcrypto.CryptoKey): string =>
  KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString()
