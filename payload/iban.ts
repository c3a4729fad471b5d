/** International bank account numbers: the length of each country, and the sum by 97. */
import { alphabets, isIn, latin1 } from './alphabet.ts'
import { mod97 } from './check-digits.ts'
import type { Range } from './shape.ts'

/** source  the IBAN registry of SWIFT (ISO 13616-2), release 99. */
const lengths: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 ' +
    'YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** The account number whose two digits stand at `digits`, behind the country. Costs twice the longest one at most. */
export function matchIban(bytes: Uint8Array, digits: number): Range | null {
  const start = digits - 2
  if (start < 0 || isIn(alphabets.alnum, bytes[start - 1])) return null
  if (!isIn(alphabets.letter, bytes[start]) || !isIn(alphabets.letter, bytes[start + 1]))
    return null
  const country = latin1(bytes, start, digits).toUpperCase()
  const length = lengths.get(country)
  if (length === undefined) return null
  let at = digits
  let account = ''
  while (account.length < length - 2 && at < bytes.length) {
    if (isIn(alphabets.alnum, bytes[at])) account += latin1(bytes, at, at + 1)
    else if (bytes[at] !== 0x20 || !isIn(alphabets.alnum, bytes[at + 1])) return null
    at += 1
  }
  if (account.length < length - 2 || isIn(alphabets.word, bytes[at])) return null
  if (!/^[0-9]{2}/.test(account)) return null
  const sum = mod97(account.slice(2) + country + account.slice(0, 2))
  return sum === 1 ? { start, end: at } : null
}
