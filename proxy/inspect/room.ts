/** Room for what is kept of bodies until they are whole: a share of what all connections together may keep. */
import type { Desk } from '../desk.ts'

export interface Room {
  /** Takes room for so many bytes; false where there is none, and then nothing is taken. */
  take(bytes: number): boolean
  /** Gives so many bytes back. */
  give(bytes: number): void
}

/** The room of a proxy: the same that bodies of requests are judged in. */
export function roomOf(desk: Desk): Room {
  return {
    take: (bytes) => {
      if (desk.judging + bytes > desk.context.limits.judgingBytesMax) return false
      desk.judging += bytes
      return true
    },
    give: (bytes) => {
      desk.judging -= bytes
    },
  }
}

/** As much as anybody asks for. */
export const endless: Room = { take: () => true, give: () => undefined }
