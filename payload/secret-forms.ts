/** The forms in which a secret of the gate may stand in a payload, as bytes to search for. */
import { isBlank } from './decoder.ts'

/** A secret shorter than this is not searched for: it would be found where nobody put it. */
export const secretBytesMin = 8

/** A secret longer than this is not searched for: 16 KiB is twice the longest private key in use. */
export const secretBytesMax = 16 * 1024

const base64Bits = 6

/** The characters of base64 that depend on the secret alone, where `before` bytes stand in front of it. */
function base64Within(value: Uint8Array, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), value]).toString('base64url')
  const from = Math.ceil((before * 8) / base64Bits)
  return text.slice(from, Math.floor(((before + value.length) * 8) / base64Bits))
}

function base64Forms(value: Uint8Array): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const url = base64Within(value, before)
    return [url, url.replaceAll('-', '+').replaceAll('_', '/')]
  })
}

/** Escapes are not among them: they are taken off the payload once, not put on each secret. */
export function formsOf(value: Uint8Array): readonly Uint8Array[] {
  const hex = Buffer.from(value).toString('hex')
  const encoded = [...base64Forms(value), hex, hex.toUpperCase()].map((text) => Buffer.from(text))
  const blankless = value.filter((byte) => !isBlank(byte))
  const plus = value.map((byte) => (byte === 32 ? 43 : byte))
  const distinct = new Map<string, Uint8Array>()
  for (const form of [value, blankless, plus, ...encoded]) {
    if (form.length >= secretBytesMin) distinct.set(Buffer.from(form).toString('latin1'), form)
  }
  return [...distinct.values()]
}
