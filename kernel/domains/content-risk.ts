/**
 * How much a text looks like an injected prompt or a leak, in milli-risk; linear in the text. These are patterns, not
 * understanding: what a determined writer says in other words is not seen.
 */

/** What a text scored, and which patterns scored it, by name. */
export interface ContentRisk {
  /** 0 to 1,000. */
  readonly score: number
  readonly patterns: readonly string[]
}

/** Words in a row, each one of some; fillers between them do not count. */
type Phrase = readonly (readonly string[])[]

const override = ['ignore', 'disregard', 'forget', 'override', 'bypass', 'skip']
const earlier = ['previous', 'prior', 'above', 'earlier', 'preceding', 'former', 'system', 'safety']
const orders = ['instruction', 'instructions', 'rules', 'prompt', 'prompts', 'directions', 'policy']
const reveal = ['reveal', 'print', 'show', 'repeat', 'output', 'display', 'leak', 'give']
const send = ['send', 'upload', 'post', 'forward', 'email', 'transmit', 'copy', 'leak']
const secrets = ['password', 'passwords', 'credentials', 'secrets', 'tokens', 'cookies', 'keys']
const limits = ['restrictions', 'rules', 'guidelines', 'limits', 'filters', 'guardrails']
const people = ['user', 'anyone', 'anybody', 'operator', 'human', 'developer']

const fillers: ReadonlySet<string> = new Set(
  'a all and any every it my of our please such that the their these this those to us you your'.split(
    ' ',
  ),
)

/** Phrases by pattern, with what the pattern scores, once for a text. */
const phrases: readonly (readonly [pattern: string, score: number, phrases: readonly Phrase[]])[] =
  [
    [
      'override',
      700,
      [
        [override, earlier, orders],
        [override, orders, earlier],
      ],
    ],
    [
      'jailbreak',
      400,
      [
        [['jailbreak', 'jailbroken']],
        [['developer', 'dan', 'god'], ['mode'], ['enabled', 'activated', 'on']],
        [['pretend', 'act'], ['as'], ['if', 'though'], ['have', 'had'], ['no'], limits],
        [['pretend'], ['have'], ['no'], limits],
      ],
    ],
    [
      'prompt-extraction',
      400,
      [
        [reveal, ['system', 'hidden', 'initial', 'secret'], ['prompt', 'instructions', 'message']],
        [reveal, ['words', 'text', 'everything'], ['above']],
      ],
    ],
    [
      'concealment',
      300,
      [
        [['not', 'never', 'dont'], ['tell', 'inform', 'alert', 'notify'], people],
        [['without'], ['telling', 'informing', 'alerting', 'notifying'], people],
      ],
    ],
    [
      'exfiltration',
      400,
      [
        [['exfiltrate', 'exfiltrating']],
        [send, secrets],
        [send, ['api', 'private', 'ssh', 'access', 'session'], secrets],
        [send, ['conversation', 'chat'], ['history', 'log', 'transcript']],
      ],
    ],
  ]

interface Entry {
  readonly pattern: string
  readonly phrase: Phrase
}

/** Phrases by the word that they begin with. */
const byFirstWord: ReadonlyMap<string, readonly Entry[]> = (() => {
  const index = new Map<string, Entry[]>()
  for (const [pattern, , all] of phrases) {
    for (const phrase of all) {
      for (const word of phrase[0] ?? []) {
        const entries = index.get(word) ?? []
        entries.push({ pattern, phrase })
        index.set(word, entries)
      }
    }
  }
  return index
})()

/** What only a chat's own format, a key or a carrier of data looks like; each pattern reads a character a few times at most. */
const forms: readonly (readonly [pattern: string, score: number, form: RegExp])[] = [
  [
    'role-marker',
    500,
    /<\|(?:im_start|im_end|system|assistant|endoftext)\|>|\[\/?INST\]|<\/?system>/i,
  ],
  ['key-material', 700, /-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----/],
  ['key-material', 700, /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['key-material', 700, /\b(?:sk-|gh[opsu]_|xox[bp]-)[A-Za-z0-9_-]{20}/],
]

const scores: ReadonlyMap<string, number> = new Map([
  ...phrases.map(([pattern, score]): [string, number] => [pattern, score]),
  ...forms.map(([pattern, score]): [string, number] => [pattern, score]),
  ['data-in-link', 400],
  ['encoded-block', 300],
])

/** Invisible signs, marks above letters, and Arabic ligatures, of which one is written out as 18 letters. */
const unread = /[\p{Cf}\p{Mn}'’\ufb50-\ufdff]/gu

/** Words as one reads them: what is invisible taken out, compatibility forms made plain, in lower case. */
function wordsOf(content: string): readonly string[] {
  // Most texts are ASCII, which is read several times as fast.
  if (!/[^\x00-\x7f]/.test(content)) {
    return (
      content
        .toLowerCase()
        .replaceAll("'", '')
        .match(/[a-z0-9]+/g) ?? []
    )
  }
  const plain = content.replace(unread, '').normalize('NFKC').toLowerCase()
  return plain.match(/[\p{L}\p{N}]+/gu) ?? []
}

function phrasesIn(content: string, found: Set<string>): void {
  const words = wordsOf(content).filter((word) => !fillers.has(word))
  for (const [at, word] of words.entries()) {
    for (const { pattern, phrase } of byFirstWord.get(word) ?? []) {
      if (phrase.every((some, index) => some.includes(words[at + index] ?? ''))) found.add(pattern)
    }
  }
}

/** A run without blanks that is longer than this and holds only base64 or hex carries data, not language. */
const encodedCharactersMin = 400

/** A link whose query is longer than this says more than where to go. */
const queryCharactersMin = 100

function carriersIn(content: string, found: Set<string>): void {
  for (const piece of content.split(/\s+/)) {
    const link = piece.indexOf('](http')
    const query = link < 0 ? -1 : piece.indexOf('?', link)
    if (query >= 0 && piece.length - query > queryCharactersMin) found.add('data-in-link')
    if (piece.length >= encodedCharactersMin && /^[A-Za-z0-9+/=_-]+$/.test(piece)) {
      found.add('encoded-block')
    }
  }
}

/** Every pattern counts once, and the sum is 1,000 at most. */
export function contentRisk(content: string): ContentRisk {
  const found = new Set<string>()
  phrasesIn(content, found)
  carriersIn(content, found)
  for (const [pattern, , form] of forms) if (form.test(content)) found.add(pattern)
  const patterns = [...found].sort()
  const sum = patterns.reduce((total, pattern) => total + (scores.get(pattern) ?? 0), 0)
  return { score: Math.min(sum, 1_000), patterns }
}
