/** A set whose members come and go with every request, kept so that whoever has left is garbage at once. */

export interface Member {
  /** Where it stands; -1 while it is in no crowd. Only the crowd writes it. */
  place: number
}

/**
 * In a Map or Set that is filled and emptied for ever each outworn table links to the next, so that one table of the
 * old generation keeps all later ones alive, with every request in them, until the next full collection.
 */
export class Crowd<M extends Member> {
  readonly #members: M[] = []

  get size(): number {
    return this.#members.length
  }

  /** In no order. Whoever comes or goes afterwards does not change it. */
  all(): M[] {
    return this.#members.slice()
  }

  add(member: M): void {
    if (member.place >= 0) return
    member.place = this.#members.length
    this.#members.push(member)
  }

  /** Nothing, where it has left already. */
  remove(member: M): void {
    const { place } = member
    if (place < 0) return
    member.place = -1
    const last = this.#members.pop()
    if (last === undefined || last === member) return
    last.place = place
    this.#members[place] = last
  }
}
