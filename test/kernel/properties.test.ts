/** Properties of the kernel over random lives, among them that it agrees with a second, plainer kernel. */
import fc from 'fast-check'
import { test } from 'tap'
import { canonical } from '../../kernel/canonical.ts'
import { checkState } from '../../kernel/contracts.ts'
import type { KernelEvent } from '../../kernel/event.ts'
import type { Terms } from '../../kernel/policy.ts'
import { restore, snapshot } from '../../kernel/snapshot.ts'
import { emptyState, type State } from '../../kernel/state.ts'
import { step } from '../../kernel/step.ts'
import { verdicts } from '../../kernel/verdict.ts'
import { purseViews } from '../../kernel/view.ts'
import { refillsMax } from '../../kernel/window.ts'
import { anyTerms, type Command, command, Script, tighter } from './commands.ts'
import { Reference } from './reference.ts'
import { seed, seedSentence } from './seed.ts'
import { budget, minute, rule, start, termsOf } from './world.ts'

const life = fc.array(command, { maxLength: 80, size: 'max' })
const runs = { seed, numRuns: 400, endOnFailure: false }

interface Lived {
  readonly state: State
  readonly events: readonly KernelEvent[]
}

/** Lives a script; `see` is shown every step. The deep check runs after each. */
function live(
  terms: Terms,
  commands: readonly Command[],
  see: (event: KernelEvent, before: State, after: ReturnType<typeof step>) => void = () => {},
): Lived {
  const script = new Script()
  const load: KernelEvent = { kind: 'load', at: start, digest: terms.digest }
  let { state } = step(emptyState, load, terms)
  const events: KernelEvent[] = [load]
  for (const each of commands) {
    const event = script.event(each, state, terms)
    if (event === null) continue
    const answer = step(state, event, terms)
    checkState(answer.state, terms)
    see(event, state, answer)
    state = answer.state
    events.push(event)
  }
  return { state, events }
}

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

/** One row per account that the two kernels must agree on. */
function rowsOf(reference: Reference): readonly string[] {
  const rows: string[] = []
  for (const purse of reference.purses.values()) {
    const hour = new Date(reference.now).toISOString().slice(0, 13)
    if (purse.period.kind === 'hour' && !purse.key.endsWith(hour)) continue
    for (const [dimension, { limit }] of Object.entries(purse.limits)) {
      const used = reference.used(purse, dimension)
      const held = reference.held(purse, dimension)
      rows.push([purse.budget, purse.scope, dimension, limit, used, held].join(' '))
    }
  }
  return rows.sort()
}

test('step agrees with a kernel that sums everything anew, in every verdict, hold and account', async (t) => {
  let [steps, refused] = [0, 0]
  const property = fc.property(anyTerms, life, (terms, commands) => {
    const reference = new Reference(terms)
    reference.take({ kind: 'load', at: start, digest: terms.digest })
    live(terms, commands, (event, _before, answer) => {
      const said = reference.take(event)
      steps += 1
      if (answer.verdict !== 'allow') refused += 1
      const place = JSON.stringify(event)
      if (answer.verdict !== said.verdict)
        throw new Error(`${answer.verdict}, not ${said.verdict}: ${place}`)
      const vector = answer.hold === null ? null : canonical(answer.hold.vector)
      if (vector !== (said.vector === null ? null : canonical(said.vector))) {
        throw new Error(`held ${vector}, not ${JSON.stringify(said.vector)}: ${place}`)
      }
      const rows = purseViews(answer.state).map((each) =>
        [each.budget, each.scope, each.dimension, each.limit, each.posted, each.held].join(' '),
      )
      const expected = rowsOf(reference)
      if (rows.sort().join('\n') !== expected.join('\n')) {
        throw new Error(`${rows.join('; ')}, not ${expected.join('; ')}: ${place}`)
      }
    })
  })
  fc.assert(property, runs)
  t.ok(refused > steps / 10 && refused < steps, `${refused} of ${steps} steps were refused`)
})

test('the same after a stricter policy came into force', async (t) => {
  const property = fc.property(anyTerms, life, life, (terms, first, second) => {
    const reference = new Reference(terms)
    const { events, state: lived } = live(terms, first)
    for (const event of events) reference.take(event)
    const strict = tighter(terms)
    let state = step(lived, { kind: 'load', at: start, digest: strict.digest }, strict).state
    reference.terms = strict
    reference.take({ kind: 'load', at: start, digest: strict.digest })
    const script = new Script()
    script.clock = state.now
    for (const each of second.filter(({ kind }) => kind !== 'admit')) {
      const event = script.event(each, state, strict)
      if (event === null) continue
      const answer = step(state, event, strict)
      checkState(answer.state, strict)
      t.equal(answer.verdict, reference.take(event).verdict)
      state = answer.state
    }
  })
  fc.assert(property, { ...runs, numRuns: 60 })
})

test('authority rises only by a grant, a halted incarnation stays halted, I3 in every prefix', async (t) => {
  let prefixes = 0
  const property = fc.property(anyTerms, life, (terms, commands) => {
    live(terms, commands, (event, before, { state }) => {
      prefixes += 1
      if (state.now < before.now) throw new Error('the clock ran back')
      for (const [key, purse] of state.purses) {
        const old = before.purses.get(key)
        for (const [index, account] of purse.accounts.entries()) {
          const { granted, revoked, posted, expired, held, overrun } = account
          const limit = granted - revoked
          if (posted - expired + held > limit + overrun) throw new Error(`I3 of ${key}`)
          const was = old?.accounts[index]
          if (was && event.kind !== 'grant' && limit > was.granted - was.revoked) {
            throw new Error(`${event.kind} raised ${key}`)
          }
        }
      }
      for (const [key, known] of before.scopes) {
        const now = state.scopes.get(key)
        if (known.mode === 'running') continue
        const kept = now?.mode === 'halted' && now.incarnation === known.incarnation
        const back = event.kind === 'reinstate' && now?.incarnation === known.incarnation + 1
        if (!kept && !back) throw new Error(`${event.kind} lost the halt of ${key}`)
      }
    })
  })
  fc.assert(property, runs)
  t.ok(prefixes > 1000, `${prefixes} prefixes`)
})

test('replay of the events gives the same state, and no step changes the state that it was given', async (t) => {
  const property = fc.property(anyTerms, life, (terms, commands) => {
    const texts: string[] = []
    const states: State[] = []
    const { state, events } = live(terms, commands, (_event, before) => {
      states.push(before)
      texts.push(snapshot(before))
    })
    const replayed = events.reduce((each, event) => step(each, event, terms).state, emptyState)
    t.equal(snapshot(replayed), snapshot(state))
    t.ok(states.every((each, index) => snapshot(each) === texts[index]))
  })
  fc.assert(property, { ...runs, numRuns: 60 })
})

test('a snapshot restores to a state that decides the same and has the same snapshot', async (t) => {
  const property = fc.property(anyTerms, life, life, (terms, before, after) => {
    const { state } = live(terms, before)
    const copy = restore(snapshot(state))
    t.equal(snapshot(copy), snapshot(state))
    const play = (from: State): string => {
      const script = new Script()
      script.clock = from.now
      let each = from
      for (const next of after.filter(({ kind }) => kind !== 'admit')) {
        const event = script.event(next, each, terms)
        if (event !== null) each = step(each, event, terms).state
      }
      return snapshot(each)
    }
    t.equal(play(copy), play(state))
  })
  fc.assert(property, { ...runs, numRuns: 60 })
})

test('recovery equals settling each open hold as forfeited', async (t) => {
  const property = fc.property(anyTerms, life, (terms, commands) => {
    const { state } = live(terms, commands)
    const at = state.now
    const one = step(state, { kind: 'recover', at }, terms).state
    let each = state
    for (const [request] of state.holds.sorted()) {
      const event = { kind: 'settle', at, request, outcome: 'forfeited', actual: {} } as const
      each = step(each, event, terms).state
    }
    t.equal(snapshot(each), snapshot(one))
    t.equal(one.holds.size, 0)
  })
  fc.assert(property, { ...runs, numRuns: 100 })
})

test('one more refusal, one more rule that does not queue, or one more budget never loosens (I11)', async (t) => {
  const effects = fc.constantFrom(
    'allow' as const,
    'warn' as const,
    'approve' as const,
    'deny' as const,
  )
  const admission = fc.record({ tokens: fc.nat({ max: 6 }), ask: fc.integer({ min: 1, max: 9 }) })
  const property = fc.property(
    anyTerms,
    life,
    admission,
    effects,
    (plain, commands, parts, effect) => {
      const rules = [rule('more', effect)]
      const terms = termsOf({ rules, budgets: [...plain.budgets.values()] })
      const { state } = live(terms, commands)
      const script = new Script()
      script.clock = state.now
      const event = script.event({ kind: 'admit', who: 0, ...parts }, state, terms)
      if (event?.kind !== 'admit') throw new Error('an admission was made')
      const strict = (each: KernelEvent): number =>
        verdicts.indexOf(step(state, { ...each, request: 'more' } as KernelEvent, terms).verdict)
      const all = strict(event)
      const refusal = { code: 'validator-refused', id: 'v', message: 'No.' } as const
      t.ok(strict({ ...event, refusals: [refusal] }) >= Math.max(all, verdicts.indexOf('deny')))
      t.ok(strict({ ...event, rules: [...event.rules, 'more'] }) >= all)
      t.ok(strict({ ...event, budgets: event.budgets.slice(1) }) <= all)
    },
  )
  fc.assert(property, { ...runs, numRuns: 200 })
})

test('in any window of its length no more is spent than the limit, however the clock jumps', async (t) => {
  const length = minute
  const often = fc.constantFrom(0, 1, 300, 700)
  const seldom = fc.constantFrom(20_000, minute - 1, minute, -minute)
  const jump = fc.oneof({ weight: 40, arbitrary: often }, { weight: 1, arbitrary: seldom })
  const beat = fc.record({ ms: jump, bytes: fc.integer({ min: 0, max: 9 }), ends: fc.boolean() })
  let [full, refused] = [0, 0]
  const property = fc.property(
    fc.array(beat, { minLength: 100, maxLength: 400, size: 'max' }),
    (beats) => {
      const limits = { bytes_down: 400, requests: 90 }
      const window = budget('w', limits, {
        period: { kind: 'window', lengthMs: length },
        scope: 'fleet',
      })
      const terms = termsOf({ budgets: [window] })
      const script = new Script()
      const spent: { at: number; bytes: number; requests: number }[] = []
      let { state } = step(emptyState, { kind: 'load', at: start, digest: terms.digest }, terms)
      for (const { ms, bytes, ends } of beats) {
        script.clock += ms
        const admit = script.event({ kind: 'admit', who: 0, tokens: 0, ask: 9 }, state, terms)
        if (admit === null) throw new Error('an admission was made')
        const answer = step(state, admit, terms)
        state = answer.state
        if (answer.hold === null) refused += 1
        else spent.push({ at: state.now, bytes: 0, requests: 1 })
        const [first] = state.holds.sorted()
        if (!ends || first === undefined) continue
        const [request, hold] = first
        const actual = Math.min(bytes, hold.vector['bytes_down'] ?? 0)
        const event = { kind: 'settle', outcome: 'settled', request } as const
        state = step(
          state,
          { ...event, at: script.clock, actual: { bytes_down: actual } },
          terms,
        ).state
        spent.push({ at: state.now, bytes: actual, requests: 0 })
        const kept = state.purses.get(`fleet window:${length} w`)?.accounts[0]?.refills ?? []
        if (kept.length === refillsMax) full += 1
      }
      for (const { at } of spent) {
        const within = spent.filter((each) => each.at > at - length && each.at <= at)
        const sum = (pick: 'bytes' | 'requests') =>
          within.reduce((all, each) => all + each[pick], 0)
        if (sum('bytes') > 400 || sum('requests') > 90) throw new Error(`a double burst at ${at}`)
      }
      const accounts = state.purses.get(`fleet window:${length} w`)?.accounts ?? []
      t.ok(accounts.every((account) => account.overrun === 0))
    },
  )
  // Two lives in one: as many beats as a list has places, and spending that a limit refuses.
  const crowd = Array.from({ length: 400 }, (_, at) => ({ ms: 300, bytes: at % 2, ends: true }))
  fc.assert(property, { ...runs, numRuns: 60, examples: [[crowd]] })
  t.ok(full > 0 && refused > 0, `${full} times a list was full, ${refused} requests refused`)
})

test('a year forward and a year back refill nothing that a year forward alone does not', async (t) => {
  const year = 31_556_952_000
  for (const kind of ['run', 'lifetime', 'hour', 'day', 'month'] as const) {
    const terms = termsOf({ budgets: [budget('b', { requests: 1 }, { period: { kind } })] })
    let state = emptyState
    const verdict = (at: number, request: string): string => {
      const script = new Script()
      script.clock = at
      const event = script.event({ kind: 'admit', who: 0, tokens: 0, ask: 1 }, state, terms)
      const answer = step(state, { ...event, request } as KernelEvent, terms)
      state = answer.state
      return answer.verdict
    }
    const calendar = kind !== 'run' && kind !== 'lifetime'
    t.equal(verdict(start, 'a'), 'allow')
    t.equal(verdict(start - year, 'b'), 'deny', `${kind}: back alone`)
    t.equal(verdict(start + year, 'c'), calendar ? 'allow' : 'deny', `${kind}: forward`)
    t.equal(verdict(start, 'd'), 'deny', `${kind}: and back`)
    t.equal(state.now, start + year)
  }
})
