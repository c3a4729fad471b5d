/** What every bundle holds beside its subject: the checkpoint, the keys, and the programs that check them. */
import { existsSync, readFileSync } from 'node:fs'
import { Failure } from '../../kernel/reasons.ts'
import { type AnchorReading, anchorName } from '../../ledger/anchor.ts'
import { pemOf } from './keys.ts'
import type { Survey } from './survey.ts'
import type { Tar } from './tar.ts'

/** The checkpoint, the keys that lead to it, and what was read of them elsewhere. */
export async function packNotes(
  tar: Tar,
  found: Survey,
  anchors: AnchorReading | null,
): Promise<void> {
  const { held, keys } = found
  if (held !== null) {
    await tar.text('checkpoint', held.text)
    const signing = keys.findLast(({ above }) => above < held.note.size)
    const others = keys.filter((span) => span !== signing)
    const pems = [signing, ...others].map((span) => pemOf(span?.vkey ?? ''))
    await tar.text('key.pem', pems.join(''))
    await tar.text('vkeys.txt', keys.map(({ vkey }) => `${vkey}\n`).join(''))
    for (const { note, seq } of found.handovers) {
      await tar.text(`handovers/${String(seq).padStart(15, '0')}.note`, note)
    }
  }
  for (const { note, slot } of anchors?.slots ?? []) {
    await tar.text(`anchors/${anchorName(slot)}`, note)
  }
}

/** A program for auditors, from the documents that come with haltgate. */
export function programText(name: string): string {
  // Sources lie one directory higher than what is compiled.
  for (const near of ['../../docs/', '../../../docs/']) {
    const place = new URL(`${near}${name}`, import.meta.url)
    if (existsSync(place)) return readFileSync(place, 'utf8')
  }
  const message = `docs/${name} is not there: install haltgate again`
  throw new Failure('ledger-unavailable', message)
}
