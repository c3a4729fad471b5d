/** A path as a person would type it from where they stand. */
import { relative } from 'node:path'

/** A path as a person in this directory would write it. */
export function shownPath(file: string): string {
  const near = relative(process.cwd(), file)
  return near === '' || near.startsWith('..') ? file : near
}
