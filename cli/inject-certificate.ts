/** A certificate for the webhook, signed by a CA that is made for it and whose key is thrown away. */
import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { present } from '../kernel/contract.ts'
import { backdateMs, makeRoot, readRoot, serialNumber } from '../proxy/tls/root.ts'

export interface WebhookCertificate {
  /** The CA, which the API server is told to trust. */
  readonly rootPem: string
  readonly certificatePem: string
  readonly keyPem: string
}

/**
 * Made once, and made anew before its CA ends (proxy/tls/root.ts, rootDays).
 *
 * name  how the API server calls the webhook: SERVICE.NAMESPACE.svc.
 * now   milliseconds since the epoch.
 */
export async function makeWebhookCertificate(
  name: string,
  now: number,
): Promise<WebhookCertificate> {
  const text = await makeRoot(now)
  const read = await readRoot(text, now)
  const root = present(read.ok ? read : null, 'a root that was just made is one')
  const curve = { name: 'ECDSA', namedCurve: 'P-256' }
  const pair = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      issuer: root.name,
      notBefore: new Date(now - backdateMs),
      notAfter: new Date(root.notAfter),
      publicKey: await PublicKey.create(pair.publicKey, webcrypto),
      signingKey: root.signingKey,
      signingAlgorithm: root.signingAlgorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        root.keyIdentifier,
        // Critical, since there is no other name (RFC 5280 section 4.2.1.6).
        new SubjectAlternativeNameExtension([{ type: 'dns', value: name }], true),
      ],
    },
    webcrypto,
  )
  const key = KeyObject.from(pair.privateKey).export({ format: 'pem', type: 'pkcs8' })
  return {
    rootPem: text.certificatePem,
    certificatePem: `${certificate.toString('pem')}\n`,
    keyPem: key.toString(),
  }
}
