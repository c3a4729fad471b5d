/** Reads the values of a policy's credentials, where it says they are: environment, file or command. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { CredentialTerms } from '../kernel/credential.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { Credential } from '../payload/credential.ts'

/** For a command that prints a value. */
const commandMs = 10_000

/** Of a value, in bytes. */
const valueBytesMax = 16 * 1024

/** errors  Failure policy-unavailable naming the credential and where it was looked for, never what was found. */
export async function readCredentials(
  policy: Policy,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ReadonlyMap<string, Credential>> {
  const read = [...policy.credentials.values()].map(async (terms) => {
    const secret = await secretOf(terms, environment)
    return [terms.name, { terms, secret }] as const
  })
  return new Map(await Promise.all(read))
}

async function secretOf(
  { name, source }: CredentialTerms,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  switch (source.kind) {
    case 'env': {
      const value = environment[source.variable] ?? ''
      return whole(name, value, `the variable ${source.variable} is not set`)
    }
    case 'file':
      return whole(name, firstLine(fileText(name, source.path)), `${source.path} is empty`)
    case 'command': {
      const [program = '', ...rest] = source.argv
      const text = await output(name, program, rest)
      return whole(name, firstLine(text), `${program} printed nothing`)
    }
  }
}

const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0] ?? ''

function whole(name: string, value: string, missing: string): string {
  if (value === '') throw unavailable(name, missing)
  if (Buffer.byteLength(value) > valueBytesMax) {
    throw unavailable(name, `its value is longer than ${valueBytesMax} bytes`)
  }
  return value
}

function fileText(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw unavailable(name, `${path} cannot be read (${why})`)
  }
}

function output(name: string, program: string, rest: readonly string[]): Promise<string> {
  const options = { timeout: commandMs, maxBuffer: valueBytesMax, encoding: 'utf8' } as const
  return new Promise((resolve, reject) => {
    execFile(program, [...rest], options, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(unavailable(name, `${program} failed or took longer than ${commandMs} ms`))
    })
  })
}

function unavailable(name: string, why: string): Failure {
  return new Failure('policy-unavailable', `the credential ${name} has no value: ${why}`)
}
