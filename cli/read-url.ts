/** Reads an absolute http or https URL as the proxy reads a target. */
import { type NoTarget, readAbsolute, type Target } from '../proxy/target.ts'

export type ReadUrl = (Target & { readonly scheme: 'http' | 'https' }) | NoTarget

/** The canonical parts of a URL, with the port of its scheme where it names none. */
export function readUrl(url: string): ReadUrl {
  if (!/^https:\/\//i.test(url)) {
    const target = readAbsolute(url)
    return target.ok ? { ...target, scheme: 'http' } : target
  }
  // The reader of absolute-form takes http alone; it says as well what lies behind the scheme.
  const rest = url.slice('https://'.length)
  const target = readAbsolute(`http://${rest}`)
  if (!target.ok) return target
  const named = /^[^/?#]*:\d+(?:[/?#]|$)/.test(rest)
  return { ...target, port: named ? target.port : 443, scheme: 'https' }
}
