/** The sums by which numbers are known: Luhn, Verhoeff, ISO 7064, and the weights that countries chose. */

/** The digits of a text, other characters left out. */
export function digitsOf(text: string): readonly number[] {
  const digits: number[] = []
  for (let at = 0; at < text.length; at += 1) {
    const value = text.charCodeAt(at) - 48
    if (value >= 0 && value <= 9) digits.push(value)
  }
  return digits
}

/** ISO/IEC 7812-1, annex B. */
export function luhn(digits: readonly number[]): boolean {
  let sum = 0
  for (const [index, digit] of digits.entries()) {
    const doubled = (digits.length - index) % 2 === 0 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** The sum of digits times weights, as many as there are weights. */
export function weighted(digits: readonly number[], weights: readonly number[]): number {
  let sum = 0
  for (const [index, weight] of weights.entries()) sum += weight * (digits[index] ?? 0)
  return sum
}

/** A product in the dihedral group of ten, rotations 0 to 4 and reflections 5 to 9. */
function dihedral(left: number, right: number): number {
  if (left < 5) return right < 5 ? (left + right) % 5 : 5 + ((left + right - 5) % 5)
  return right < 5 ? 5 + ((left - 5 - right + 5) % 5) : (left - right + 5) % 5
}

/** Verhoeff's permutation; the one for place n is this n times over. */
const verhoeffPermutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]

/** Verhoeff, 1969: the product over all digits from the right, each permuted by its place, is the identity. */
export function verhoeff(digits: readonly number[]): boolean {
  let product = 0
  for (const [place, digit] of [...digits].reverse().entries()) {
    let permuted = digit
    for (let turn = 0; turn < place % 8; turn += 1) permuted = verhoeffPermutation[permuted] ?? 0
    product = dihedral(product, permuted)
  }
  return product === 0
}

/** ISO 7064, MOD 11,10: the last digit checks those before it. */
export function mod11And10(digits: readonly number[]): boolean {
  let product = 10
  for (const digit of digits.slice(0, -1)) {
    const sum = (digit + product) % 10
    product = ((sum === 0 ? 10 : sum) * 2) % 11
  }
  return (11 - product) % 10 === digits.at(-1)
}

/** The remainder by 97 of a number in decimal, letters read as 10 to 35 (ISO 7064, as IBAN has it). */
export function mod97(text: string): number {
  let rest = 0
  for (let at = 0; at < text.length; at += 1) {
    const value = Number.parseInt(text.charAt(at), 36)
    rest = (value > 9 ? rest * 100 + value : rest * 10 + value) % 97
  }
  return rest
}

/** True for a day that a calendar could have; 29 February in any year. */
export function isDay(month: number, day: number): boolean {
  const days = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  return day >= 1 && day <= (days[month - 1] ?? 0)
}
