/** Numbers, times and texts of a ledger as a reader of a report wants them. */

const nanoPerUsd = 1_000_000_000

/** 1234567 as 1,234,567. */
export function countText(count: number): string {
  // A sum of many may be beyond the safe integers, and is then as near as a number gets.
  return String(BigInt(Math.round(count))).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** Nano-USD in dollars, with as many digits as it takes to see it. */
export function moneyText(nanoUsd: number): string {
  if (nanoUsd === 0) return '0 USD'
  const usd = nanoUsd / nanoPerUsd
  const digits = usd >= 100 ? 2 : usd >= 1 ? 3 : usd >= 0.001 ? 4 : 9
  const [whole = '0', fraction = ''] = usd.toFixed(digits).split('.')
  const shown = fraction.replace(/0+$/, '').padEnd(2, '0')
  return `${countText(Number(whole))}.${shown} USD`
}

/** An amount of a dimension in words. */
export function amountText(dimension: string, amount: number): string {
  if (dimension === 'cost_usd') return moneyText(amount)
  if (dimension === 'wall') return durationText(amount)
  if (dimension.startsWith('bytes')) return bytesText(amount)
  // A rule may call a dimension whatever it likes.
  return `${countText(amount)} ${brief(dimension, 20)}`
}

function bytesText(amount: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = amount
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`
}

/** Milliseconds as `350 ms`, `12.5 s`, `4 min 10 s`, `2 h 5 min` or `3 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${ms} ms`
  const seconds = ms / 1_000
  if (seconds < 60) return `${seconds.toFixed(1).replace(/\.0$/, '')} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return pair(minutes, 'min', Math.floor(seconds % 60), 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return pair(hours, 'h', minutes % 60, 'min')
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function pair(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smaller}`
}

/** A share in percent; a dash where there is nothing to have a share of. */
export function shareText(part: number, whole: number): string {
  if (whole === 0) return '–'
  return `${((part / whole) * 100).toFixed(1)} %`
}

/** An instant, to the second, in UTC. */
export function timeText(instant: number): string {
  const text = new Date(instant).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`
}

/** The same of a timestamp of the ledger. */
export function stampText(timestamp: string): string {
  return `${timestamp.slice(0, 10)} ${timestamp.slice(11, 19)}`
}

/** Controls, and characters that turn the direction of text, have no width, or stand above others. */
const unseen = /[\p{Cc}\p{Cf}\p{Mn}\p{Me}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu

/** Text of a ledger as a page may have it: what could disguise it is written as an escape. */
export function visible(text: string): string {
  return text.replace(unseen, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The same, and not longer than so many characters. */
export function brief(text: string, charactersMax: number): string {
  const shown = [...visible(text)]
  if (shown.length <= charactersMax) return shown.join('')
  return `${shown.slice(0, charactersMax - 1).join('')}…`
}

/** `1 entry`, `2 entries`. */
export function counted(count: number, one: string, several: string): string {
  return `${countText(count)} ${count === 1 ? one : several}`
}
