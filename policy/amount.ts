/** Reads amounts as people write them (`200k`, `10MiB`, `1h`, `5.00` dollars) into exact integers of a dimension. */
import { units } from '../kernel/dimension.ts'

/** An integer of the dimension's unit, or a sentence that says what is wrong. */
export type Amount = { readonly value: number } | { readonly problem: string }

const nanoUsdDigits = 9

type Scale = Readonly<Record<string, bigint>>

const countScale: Scale = { '': 1n, k: 1_000n, M: 1_000_000n, G: 1_000_000_000n }

const byteScale: Scale = {
  '': 1n,
  B: 1n,
  kB: 1_000n,
  MB: 1_000_000n,
  GB: 1_000_000_000n,
  TB: 1_000_000_000_000n,
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB: 1n << 30n,
  TiB: 1n << 40n,
}

const timeScale: Scale = { ms: 1n, s: 1_000n, m: 60_000n, h: 3_600_000n, d: 86_400_000n }

const moneyScale: Scale = { '': 10n ** BigInt(nanoUsdDigits) }

/** Dollars for a million tokens in pico-USD for one. */
const priceScale: Scale = { '': 1_000_000n }

/** 10,000 dollars for a million tokens: beyond any price, and small enough to multiply exactly. */
const pricePicoUsdMax = 10_000_000_000

const written = /^(-?)([0-9]+)(?:\.([0-9]+))?([A-Za-z]*)$/

/** Reads a limit or a charge of a dimension from the text that stands in the file. */
export function readAmount(dimension: string, text: string): Amount {
  const unit = Object.hasOwn(units, dimension) ? units[dimension] : undefined
  if (unit === 'nano-USD') return scaled(text, moneyScale, 'dollars such as 5.00')
  if (unit === 'bytes') return scaled(text, byteScale, 'bytes such as 10MiB')
  if (unit === 'ms') return readDuration(text)
  return scaled(text, countScale, 'a whole number such as 500, 200k or 5M')
}

/** Reads `500ms`, `30s`, `5m`, `1h` or `7d` into milliseconds. */
export function readDuration(text: string): Amount {
  return scaled(text, timeScale, 'a time such as 500ms, 30s, 5m, 1h or 7d')
}

/** Reads dollars for a million tokens into pico-USD for one. */
export function readPrice(text: string): Amount {
  const amount = scaled(text, priceScale, 'dollars for a million tokens such as 2.50')
  if ('problem' in amount || amount.value <= pricePicoUsdMax) return amount
  return { problem: `${clip(text)} is more than 10000 dollars for a million tokens` }
}

/** True where a text can only be meant as an amount, and never as an expression. */
export function looksLikeAmount(text: string): boolean {
  return written.test(text)
}

function scaled(text: string, scale: Scale, example: string): Amount {
  const match = written.exec(text)
  if (match === null) return { problem: `"${clip(text)}" is not ${example}` }
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match
  const isZero = /^0*$/.test(whole + fraction)
  if (sign !== '' && !isZero) return { problem: `${clip(text)} is negative; 0 allows nothing` }
  const factor = Object.hasOwn(scale, suffix) ? scale[suffix] : undefined
  if (factor === undefined && !(isZero && suffix === '')) {
    return { problem: `"${clip(text)}" is not ${example}` }
  }
  if (whole.length + fraction.length > 40) return { problem: `${clip(text)} has too many digits` }
  const product = BigInt(whole + fraction) * (factor ?? 1n)
  const divisor = 10n ** BigInt(fraction.length)
  if (product % divisor !== 0n) return { problem: `${clip(text)} is finer than one unit` }
  const value = product / divisor
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return { problem: `${clip(text)} is too large` }
  return { value: Number(value) }
}

function clip(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`
}
