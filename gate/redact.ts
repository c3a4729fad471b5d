/** Keeps credentials that stand in a path out of the ledger (I6); it errs on the side of hiding. */

const segmentsMax = 64

/** Longest path that an entry holds, in bytes; what is longer is cut and marked. */
const pathBytesMax = 256

/** Prefixes that providers give their keys, so that leaks can be found: their published formats. */
const keyPrefix =
  /^(?:sk|pk|rk|ak)[-_]|^gh[pousr]_|^github_pat_|^xox[abeprs]-|^AKIA|^ASIA|^AIza|^glpat-|^npm_|^eyJ|^bot\d{6,}:|^hvs\.|^ya29\./

/** Letters and digits without a break, as tokens are written; words and dates are shorter. */
const longRun = /[A-Za-z0-9_=+]{32,}/

/**
 * The path as an entry may hold it: a segment that looks like a key or a token becomes `[redacted]`.
 *
 * Hashes (a commit, an image layer) are hidden too: nobody can tell a capability from an id. Slugs and UUIDs,
 * broken by hyphens, stay readable.
 */
export function redactPath(path: string): { readonly text: string; readonly redacted: boolean } {
  if (path.length < 4) return { text: path, redacted: false }
  if (path.length <= pathBytesMax && !longRun.test(path) && !mayHoldKey(path)) {
    return { text: path, redacted: false }
  }
  const segments = path.split('/', segmentsMax)
  const kept = segments.map((segment) =>
    longRun.test(segment) || keyPrefix.test(segment) ? '[redacted]' : segment,
  )
  const text = kept.join('/')
  const cut = text.length > pathBytesMax ? text.slice(0, pathBytesMax) : text
  return { text: cut, redacted: cut !== path }
}

function mayHoldKey(path: string): boolean {
  let start = 0
  while (start >= 0) {
    const next = path.indexOf('/', start)
    const segment = next < 0 ? path.slice(start) : path.slice(start, next)
    if (keyPrefix.test(segment)) return true
    start = next < 0 ? -1 : next + 1
  }
  return false
}
