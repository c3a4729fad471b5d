/** What judging one request may cost its expressions: an agent chooses what they walk over, and how often. */

/** Characters that the expressions of all rules may walk over for one request; a fraction of a second. */
const workMax = 1 << 28

/** Throws RangeError when all is spent: whatever is evaluated then fails, which refuses. */
export class Work {
  #left = workMax
  #free = 0

  /** Begins an evaluation that reads the body so often by its text; what goes beyond is done by a macro. */
  begin(readings: number): void {
    this.#free = readings
  }

  spend(characters: number): void {
    this.#left -= characters
    if (this.#left < 0) throw new RangeError('too much to judge by')
  }

  /** One reading of something so long: inside a macro it is walked over for each element. */
  read(characters: number): void {
    if (this.#free > 0) this.#free -= 1
    else this.spend(characters)
  }
}
