/** What Content-Type says, as far as a decoder cares: the type in lower case, and whether its charset is UTF-8. */

const jsonTypes: ReadonlySet<string> = new Set([
  'application/json',
  'text/json',
  'application/jsonrequest',
  'application/json-rpc',
  'application/x-amz-json-1.0',
  'application/x-amz-json-1.1',
])

/** The media type; `unreadable` where its charset is another than UTF-8, or the value is not of one meaning. */
export function mediaTypeOf(contentType: string): string {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';')
  const charsets = parameters
    .map((parameter) => parameter.trim())
    .filter((parameter) => parameter.startsWith('charset'))
  if (charsets.some((charset) => !/^charset=("?)utf-?8\1$/.test(charset))) return 'unreadable'
  const name = type.trim()
  return name === '' || /^[\w.+-]+\/[\w.+-]+$/.test(name) ? name : 'unreadable'
}

/** Whether a body of this type is JSON to its server. No type at all is left to the bytes. */
export function isJsonType(type: string): boolean {
  return type === '' || jsonTypes.has(type) || /^application\/[\w.-]+\+json$/.test(type)
}
