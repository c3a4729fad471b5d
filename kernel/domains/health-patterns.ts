/**
 * Finds what identifies a patient in a text: numbers and dates with what they are called. Linear: every repetition has
 * a bound. A name, or a number that nobody calls anything, is not found.
 */

const date = [
  '\\d{4}[-/.]\\d{1,2}[-/.]\\d{1,2}',
  '\\d{1,2}[-/.]\\d{1,2}[-/.](?:\\d{4}|\\d{2})',
  '\\d{1,2}\\.? [a-z]{3,9} \\d{4}',
  '[a-z]{3,9} \\d{1,2},? \\d{4}',
].join('|')

/** What may stand between the name of a thing and the thing: a colon, quotes, a word of the way people write. */
const between = '[^0-9a-z]{0,12}(?:(?:is|no|number|id)[^0-9a-z]{1,12})?'

const patterns: readonly (readonly [name: string, pattern: RegExp])[] = [
  // Never issued: areas 000, 666 and 900 up, group 00, serial 0000 (SSA, POMS RM 10201.035).
  ['social-security-number', /(?<!\d)(?!000|666|9)\d{3}([- .])(?!00)\d{2}\1(?!0000)\d{4}(?!\d)/],
  [
    'social-security-number',
    new RegExp(`(?:ssn|social[ _-]?security)${between}(?:number${between})?\\d{9}(?!\\d)`, 'i'),
  ],
  [
    'medical-record-number',
    new RegExp(
      `(?:mrn|medical[ _-]?record(?:[ _-]?(?:number|no|id))?|patient[ _-]?(?:number|no|id))${between}[a-z]{0,3}-?\\d{4,12}`,
      'i',
    ),
  ],
  [
    'date-of-birth',
    new RegExp(
      `(?:dob|date[ _-]?of[ _-]?birth|birth[ _-]?da(?:te|y)|born(?: on)?)${between}(?:${date})`,
      'i',
    ),
  ],
]

/** Names of what was found, ascending. */
export function healthIdentifiers(content: string): readonly string[] {
  const plain = content.replace(/[\p{Cf}\p{Mn}\ufb50-\ufdff]/gu, '').normalize('NFKC')
  const found = patterns.filter(([, pattern]) => pattern.test(plain)).map(([name]) => name)
  return [...new Set(found)].sort()
}
