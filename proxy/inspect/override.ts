/**
 * Ways to ask a server for another method than the request line has: what was judged is what is to be carried out (I12).
 *
 * source  the headers of Rack, Symfony, ASP.NET, Express' method-override and Google's APIs; the parameter of Rails and
 *         Laravel.
 */

/** In lower case. */
const headerNames: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-method-override',
  'x-http-method',
])

const parameterName = '_method'

interface Asked {
  readonly method: string
  /** Flat. */
  readonly headers: readonly string[]
  /** Without its question mark. */
  readonly query: string
}

/** A sentence where the request asks for another method than its own beside its request line, or null. */
export function overrideFault({ headers, method, query }: Asked): string | null {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    // Where a server makes variables of headers, an underscore is a hyphen.
    const name = (headers[index] ?? '').toLowerCase().replaceAll('_', '-')
    if (headerNames.has(name) && isOther(headers[index + 1] ?? '', method)) {
      return `The header ${name} asks for another method than ${method}.`
    }
  }
  if (!/_|%5f/i.test(query)) return null
  for (const [name, value] of new URLSearchParams(query)) {
    if (name.toLowerCase() === parameterName && isOther(value, method)) {
      return `The parameter ${parameterName} asks for another method than ${method}.`
    }
  }
  return null
}

/** Nothing at all asks for nothing. */
function isOther(value: string, method: string): boolean {
  const asked = value.trim()
  return asked !== '' && asked.toUpperCase() !== method.toUpperCase()
}
