/** `haltgate ca`: the authority that clients of an inspecting gate have to trust: shown, exported, bundled, rotated. */
import { existsSync, readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import {
  type CaLayout,
  oldRoots,
  openCa,
  readCa,
  rotateCa,
  upstreamRoots,
  writePublic,
} from './ca-files.ts'
import { exitCodes } from './exit.ts'
import { type CaPlace, UsageError } from './settings.ts'

export interface CaContext {
  readonly layout: CaLayout
  /** An operator's own authority; null where the gate has made one. */
  readonly operator: CaPlace | null
  /** Files of further roots, by which upstreams are verified. */
  readonly upstreamCa: readonly string[]
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly json: boolean
  readonly print: (text: string) => void
}

export async function showCa(context: CaContext): Promise<number> {
  const place = context.operator ?? context.layout
  const { certificate } = await readCa(place, context.now)
  const shown = {
    subject: certificate.subject.replaceAll('\n', ', '),
    fingerprint: `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
    file: place.certificateFile,
    bundle: existsSync(context.layout.bundleFile) ? context.layout.bundleFile : null,
  }
  if (context.json) context.print(JSON.stringify(shown))
  else {
    const lines = [
      `subject      ${shown.subject}`,
      `fingerprint  ${shown.fingerprint}`,
      `valid        ${shown.notBefore} to ${shown.notAfter}`,
      `file         ${shown.file}`,
      `bundle       ${shown.bundle === null ? 'none yet: haltgate ca bundle' : shown.bundle}`,
    ]
    context.print(lines.join('\n'))
  }
  return exitCodes.done
}

/** The certificate and never the key; to the terminal where no file is named. */
export async function exportCa(context: CaContext, out: string | undefined): Promise<number> {
  const root = await readCa(context.operator ?? context.layout, context.now)
  const text = root.all.map((certificate) => certificate.toString()).join('')
  if (out === undefined) context.print(text.trimEnd())
  else {
    requireReplaceable(out)
    writePublic(out, text)
    tell(context, { file: out }, `the CA's certificate was written to ${out}`)
  }
  return exitCodes.done
}

export async function bundleCa(context: CaContext, out: string | undefined): Promise<number> {
  const { certificates, file } = await writeBundle(context, out)
  const text = `a bundle of ${certificates} certificates was written to ${file}: give it, and nothing else of that directory, to the agent`
  tell(context, { file, certificates }, text)
  return exitCodes.done
}

/** Makes a new root. The bundle has both until the old one expires, so that clients can be moved one by one. */
export async function rotate(context: CaContext): Promise<number> {
  if (context.operator !== null) {
    throw new UsageError('only the gate’s own CA is rotated here: replace the files of yours')
  }
  const old = await rotateCa(context.layout, context.now)
  const { file } = await writeBundle(context, undefined)
  const kept = old === '' ? 'there was no old one' : `the old certificate is ${old}`
  const text = `a new CA was made, ${kept}; give clients ${file}, then start the gate again: until then it signs with the old one`
  tell(context, { old: old === '' ? null : old, bundle: file }, text)
  return exitCodes.done
}

/**
 * Writes all that a client of the gate has to trust: every root by which the gate itself verifies upstreams (a tunnel
 * that is not inspected shows the upstream's own certificate), and the gate's, rotated ones too. Makes the CA if need be.
 */
export async function writeBundle(
  context: Omit<CaContext, 'json' | 'print'>,
  out: string | undefined,
): Promise<{ readonly file: string; readonly certificates: number }> {
  const { layout, now, operator } = context
  const root = await openCa(operator ?? layout, now)
  const file = out ?? layout.bundleFile
  requireReplaceable(file)
  const { readCertificates } = await import('../proxy/tls/root.ts')
  const others = [...rootCertificates, ...(await upstreamRoots(context.upstreamCa))]
  const all = new Map(
    [
      ...root.all,
      ...(await oldRoots(layout, now)).flatMap(readCertificates),
      ...others.flatMap(readCertificates),
    ].map((certificate) => [certificate.fingerprint256, certificate.toString()]),
  )
  writePublic(file, [...all.values()].join(''))
  return { file, certificates: all.size }
}

/** The variables by which the clients of each language find the roots that they trust. */
export function trustEnvironment(bundleFile: string): Readonly<Record<string, string>> {
  return {
    CURL_CA_BUNDLE: bundleFile,
    DENO_CERT: bundleFile,
    GIT_SSL_CAINFO: bundleFile,
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: bundleFile,
    NODE_EXTRA_CA_CERTS: bundleFile,
    REQUESTS_CA_BUNDLE: bundleFile,
    SSL_CERT_FILE: bundleFile,
  }
}

/** A file that is there already is replaced only where it is certificates and nothing else. */
function requireReplaceable(file: string): void {
  if (!existsSync(file)) return
  const text = readFileSync(file, 'utf8')
  if (
    text === '' ||
    (text.includes('-----BEGIN CERTIFICATE-----') && !text.includes('PRIVATE KEY'))
  ) {
    return
  }
  throw new UsageError(`${file} is there, and is no bundle of certificates: name another file`)
}

function tell(context: CaContext, shown: object, text: string): void {
  context.print(context.json ? JSON.stringify(shown) : text)
}
