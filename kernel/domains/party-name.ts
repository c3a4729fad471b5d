/** Names of people and companies, brought to what they have in common however they are written. */

/** Longer ones are no names. */
const charactersMax = 200

/** Legal forms, which one writes and the other leaves out. */
const forms: ReadonlySet<string> = new Set(
  'ab ag as bv co company corp corporation fze gmbh inc incorporated jsc kg limited llc llp ltd nv oao oojsc ooo oy pjsc plc pte pty sa sarl se spa srl the zao'.split(
    ' ',
  ),
)

/** Letters that Unicode does not take apart, as Latin transcriptions have them. */
const letters: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
}

const latin = /\p{Script=Latin}/u
const lookalike = /\p{Script=Cyrillic}|\p{Script=Greek}/u

const ascii = /^[\x20-\x7e]*$/

/** A name in lower case, without what letters of other scripts are adorned with; null where letters look alike. */
function bareOf(name: string): string | null {
  if (ascii.test(name)) return name.toLowerCase()
  const bare = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[ßæœøłđðþı]/g, (letter) => letters[letter] ?? letter)
  return latin.test(bare) && lookalike.test(bare) ? null : bare
}

/**
 * The forms under which a name is looked up: its words in alphabetical order, and all its letters in one. Null for what
 * is no name: without a letter, too long, or of Latin letters among Greek or Cyrillic ones that look alike.
 */
export function formsOf(name: string): readonly string[] | null {
  if (name.length > charactersMax || !name.isWellFormed()) return null
  const words = bareOf(name)?.match(/[\p{L}\p{N}]+/gu) ?? []
  if (words.length === 0) return null
  const telling = words.filter((word) => !forms.has(word))
  const kept = telling.length === 0 ? words : telling
  const whole = kept.join('')
  const ordered = kept.toSorted().join(' ')
  return kept.length === words.length ? [ordered, whole] : [ordered, whole, words.join('')]
}

/** Every form of every name of a list, to look others up in. */
export class NameIndex {
  readonly #forms = new Set<string>()

  add(name: string): void {
    for (const form of formsOf(name) ?? [name]) this.#forms.add(form)
  }

  has(forms: readonly string[]): boolean {
    return forms.some((form) => this.#forms.has(form))
  }
}
