/**
 * Loads a domain plugin that an operator wrote: a plain script that sets `module.exports`. It runs in a context of its
 * own without clock, chance, timers or modules; only JSON text goes in and comes out, and what does not end is
 * interrupted. That keeps an honest plugin pure; it is no jail for a dishonest one.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Context, createContext, Script } from 'node:vm'
import type { DomainCall, DomainPlugin, PolicyTemplate } from '../kernel/domain.ts'
import { readConfig } from '../kernel/plugin-config.ts'
import { Failure } from '../kernel/reasons.ts'
import type { GivenPlugin } from '../policy/plugins.ts'

const fileBytesMax = 256 * 1024

/** What loading may take, with whatever the script computes beforehand. */
const loadMsMax = 1_000

/** What one verb may take before it is interrupted. */
const verbMsMax = 250

/** Characters of JSON that one verb may answer, and of what is asked when it is loaded. */
const answerCharactersMax = 256 * 1024
const loadCharactersMax = 1024 * 1024

/**
 * Runs before the script, and holds what the script cannot replace. What a plugin could tell time, chance or the
 * machine by is taken away: Intl formats the present instant, a finalizer runs when memory is short.
 */
const frame = `'use strict';
const haltgate = (() => {
  const { parse, stringify } = JSON;
  const text = String;
  const module = { exports: {} };
  for (const name of ['Atomics', 'Date', 'FinalizationRegistry', 'Intl', 'SharedArrayBuffer',
    'Temporal', 'WeakRef', 'WebAssembly', 'console']) delete globalThis[name];
  delete globalThis.Promise;
  delete Array.fromAsync;
  delete Math.random;
  Object.defineProperty(Error, 'prepareStackTrace', { value: undefined });
  Object.defineProperty(Error, 'stackTraceLimit', { value: 0 });
  const guarded = (work) => {
    try {
      return stringify({ answer: work() });
    } catch (error) {
      let why = 'it threw';
      try { why = text(error && error.message || error); } catch {}
      return stringify({ threw: why });
    }
  };
  return Object.freeze({
    module,
    load: (script) => guarded(() => { script(module, module.exports); return true; }),
    config: () => guarded(() => module.exports.config),
    verbs: () => guarded(() => ['validate', 'enrich', 'afterDecision', 'policyTemplates',
      'complianceMappings'].filter((verb) => typeof module.exports[verb] === 'function')),
    call: (verb, input) => guarded(() => module.exports[verb](parse(input))),
  });
})();`

/** Dynamic imports hand out objects from outside of the context; any other import is no script. */
const importing = /\bimport\s*[(./]/

/**
 * A plugin is asked, and answers: what would go on later is refused. To interrupt a job of a promise ends the process,
 * where anything in it listens to async hooks (Node 20.20.2, an assertion in InternalCallbackScope::Close).
 */
const later = /\basync\b|\bawait\b/

/**
 * Reads and runs a plugin's file.
 *
 * errors  Failure policy-unavailable, which names the file and what is wrong with it.
 */
export async function loadPlugin(path: string): Promise<GivenPlugin> {
  const file = basename(path)
  const bytes = readBytes(path)
  const origin = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const sandbox = new Sandbox(file, decoded(file, bytes))
  const config = readConfig(sandbox.config())
  if ('problem' in config) throw wrong(file, `\`config\` is none: ${config.problem}`)
  const verbs = sandbox.verbs()
  if (!verbs.includes('validate')) throw wrong(file, '`validate` is no function')
  const controls = new Map(
    config.actions.map(({ name }) => {
      return [name, verbs.includes('complianceMappings') ? sandbox.controls(name) : []] as const
    }),
  )
  const templates = verbs.includes('policyTemplates') ? sandbox.templates() : []
  const nothing = { charge: {}, marks: [] }
  // What a verb answers is no more than JSON: whoever asks it reads it with care, as kernel/judge.ts does.
  const plugin: DomainPlugin = {
    config,
    validate: (call) => sandbox.call('validate', call) as ReturnType<DomainPlugin['validate']>,
    enrich: (call) => {
      if (!verbs.includes('enrich')) return {}
      return sandbox.call('enrich', call) as ReturnType<DomainPlugin['enrich']>
    },
    afterDecision: (call) => {
      if (!verbs.includes('afterDecision')) return nothing
      return sandbox.call('afterDecision', call) as ReturnType<DomainPlugin['afterDecision']>
    },
    policyTemplates: () => templates,
    complianceMappings: (action) => controls.get(action) ?? [],
  }
  return { plugin, origin }
}

function wrong(file: string, what: string): Failure {
  return new Failure('policy-unavailable', `the plugin ${file}: ${what}`)
}

function readBytes(path: string): Buffer {
  const file = basename(path)
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Failure('policy-unavailable', `the plugin ${file} cannot be read (${why})`)
  }
  if (bytes.length > fileBytesMax) throw wrong(file, `is longer than ${fileBytesMax} bytes`)
  return bytes
}

function decoded(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) throw wrong(file, 'is no UTF-8')
    throw error
  }
}

/** One script in one context. */
class Sandbox {
  readonly #file: string
  readonly #context: Context

  constructor(file: string, text: string) {
    this.#file = file
    if (importing.test(text)) throw wrong(file, 'a plugin imports nothing')
    if (later.test(text))
      throw wrong(file, 'a plugin has no async and no await, in comments neither')
    this.#context = createContext(Object.create(null) as object, {
      codeGeneration: { strings: false, wasm: false },
      name: file,
    })
    this.#run(frame, loadMsMax)
    // In a function of its own, so that what it declares is nobody else's; its lines keep their numbers.
    this.#answer(`haltgate.load(function (module, exports) {${text}\n})`, atLoad)
  }

  config(): unknown {
    return this.#answer('haltgate.config()', atLoad)
  }

  verbs(): readonly string[] {
    const found = this.#answer('haltgate.verbs()', atLoad)
    return Array.isArray(found) ? found.map(String) : []
  }

  /** Asked once for each action; that they are ids is for whoever judges to see. */
  controls(action: string): readonly string[] {
    const found = this.#verb('complianceMappings', action, atLoad)
    if (Array.isArray(found)) return found.map(String)
    throw wrong(this.#file, '`complianceMappings` answers no list')
  }

  templates(): readonly PolicyTemplate[] {
    const found = this.#verb('policyTemplates', null, atLoad)
    if (!Array.isArray(found)) throw wrong(this.#file, '`policyTemplates` answers no list')
    return found.map((each: unknown) => {
      const { name, description, text } = Object(each) as Record<string, unknown>
      if (typeof name !== 'string' || typeof text !== 'string') {
        throw wrong(this.#file, 'a template has `name`, `description` and `text`')
      }
      return { name, description: typeof description === 'string' ? description : '', text }
    })
  }

  call(verb: string, call: DomainCall): unknown {
    return this.#verb(verb, call, inCall)
  }

  #verb(verb: string, input: unknown, bounds: Bounds): unknown {
    const text = JSON.stringify(JSON.stringify(input))
    return this.#answer(`haltgate.call('${verb}', ${text})`, bounds)
  }

  #answer(expression: string, { timeMs, charactersMax }: Bounds): unknown {
    const text: unknown = this.#run(expression, timeMs)
    if (typeof text !== 'string') throw wrong(this.#file, 'answers no JSON')
    if (text.length > charactersMax) throw wrong(this.#file, 'answers too much')
    // Written by the frame, unless the script has changed what objects are: read as anything.
    const said = Object(JSON.parse(text)) as { readonly answer?: unknown; readonly threw?: unknown }
    if (said.threw !== undefined) throw wrong(this.#file, String(said.threw).slice(0, 200))
    return said.answer
  }

  /** What the script threw is not looked at: that could run it again, and without end. */
  #run(text: string, timeMs: number): unknown {
    const script = compiled(this.#file, text)
    try {
      return script.runInContext(this.#context, { timeout: timeMs, displayErrors: false })
    } catch {
      throw wrong(this.#file, `was interrupted: it has ${timeMs} ms`)
    }
  }
}

/** Compiling runs nothing: what it throws is of this side. */
function compiled(file: string, text: string): Script {
  try {
    return new Script(text, { filename: file })
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const [place = file] = (error.stack ?? '').split('\n', 1)
    throw wrong(file, `${error.message} (${place})`)
  }
}

interface Bounds {
  readonly timeMs: number
  readonly charactersMax: number
}

const atLoad: Bounds = { timeMs: loadMsMax, charactersMax: loadCharactersMax }
const inCall: Bounds = { timeMs: verbMsMax, charactersMax: answerCharactersMax }
