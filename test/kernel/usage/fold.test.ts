/** What streams say that they used, of each wire format, and the event that ends one which is cut. */
import { test } from 'tap'
import type { ModelWire } from '../../../kernel/content.ts'
import { cutEvent } from '../../../kernel/usage/cut.ts'
import { openUsage, type UsageFold } from '../../../kernel/usage/fold.ts'
import { type Short, short } from './short.ts'

type Event = readonly [name: string, event: unknown]

function folded(wire: ModelWire, events: readonly Event[]): UsageFold {
  const fold = openUsage(wire)
  for (const [name, event] of events) {
    fold.event(name, typeof event === 'string' ? event : JSON.stringify(event))
  }
  return fold
}

const chunk = (delta: unknown, usage?: unknown): Event => [
  '',
  { choices: [{ index: 0, delta }], usage },
]
const last = (prompt: unknown, completion: unknown): Event => [
  '',
  { choices: [], usage: { prompt_tokens: prompt, completion_tokens: completion } },
]
const done: Event = ['', '[DONE]']

const chatStreams: readonly (readonly [
  name: string,
  events: readonly Event[],
  usage: Short,
  seen: number,
  isDone: boolean,
])[] = [
  ['nothing', [], null, 0, false],
  [
    'text so far',
    [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'a' }),
      chunk({ reasoning_content: 'b' }),
    ],
    null,
    2,
    false,
  ],
  [
    'arguments of a tool',
    [
      chunk({
        tool_calls: [
          { function: { name: 'f', arguments: '' } },
          { function: { arguments: '{' } },
          5,
        ],
      }),
      chunk({ refusal: 'x' }),
      chunk({ tool_calls: [{}] }),
    ],
    null,
    2,
    false,
  ],
  [
    'two choices',
    [['', { choices: [{ delta: { content: 'a' } }, { delta: { content: 'b' } }, 5] }]],
    null,
    2,
    false,
  ],
  ['a completion', [['', { choices: [{ text: 'a' }] }]], null, 1, false],
  ['all of it', [chunk({ content: 'a' }), last(9, 12), done], [9, 0, 0, 12], 12, true],
  [
    'a usage before the end',
    [chunk({ content: 'a' }, { prompt_tokens: 9, completion_tokens: 1 })],
    null,
    1,
    false,
  ],
  [
    'usages that grow',
    [
      chunk({ content: 'a' }, { prompt_tokens: 9, completion_tokens: 4 }),
      chunk({ content: 'b' }, { prompt_tokens: 9, completion_tokens: 2 }),
      done,
    ],
    [9, 0, 0, 4],
    4,
    true,
  ],
  ['no usage at all', [chunk({ content: 'a' }), done], null, 1, true],
  ['a lie', [last(9, -5), done], null, 0, true],
  ['a lie, and then the truth', [last(9, '5'), last(9, 5), done], null, 5, true],
  ['no JSON', [['', 'nonsense'], last(9, 5), done], null, 5, true],
  ['a list', [['', []], last(9, 5), done], null, 5, true],
  ['an error', [chunk({ content: 'a' }), ['', { error: { message: 'x' } }]], null, 1, true],
  [
    'no choices and no usage',
    [
      ['', { choices: [] }],
      ['', {}],
    ],
    null,
    0,
    false,
  ],
]

test('a chat stream is counted as it passes, and known when it says so', async (t) => {
  for (const [name, events, usage, seen, isDone] of chatStreams) {
    const fold = folded('openai-chat', events)
    t.same([short(fold.usage), fold.outputSoFar, fold.done], [usage, seen, isDone], name)
  }
})

const response = (type: string, usage: unknown): Event => [type, { type, response: { usage } }]
const used = { input_tokens: 10, output_tokens: 20 }

test('a Responses stream is known at its last event', async (t) => {
  const rows: readonly (readonly [
    events: readonly Event[],
    usage: Short,
    seen: number,
    isDone: boolean,
  ])[] = [
    [
      [
        ['response.output_text.delta', { type: 'response.output_text.delta', delta: 'a' }],
        response('response.completed', used),
      ],
      [10, 0, 0, 20],
      20,
      true,
    ],
    [
      [
        ['response.output_text.delta', { delta: 'a' }],
        ['x.delta', { delta: '' }],
        ['', { delta: 'b' }],
      ],
      null,
      1,
      false,
    ],
    [
      [response('response.created', null), response('response.incomplete', used)],
      [10, 0, 0, 20],
      20,
      true,
    ],
    [[response('response.failed', null)], null, 0, true],
    [[response('response.completed', { input_tokens: 1 })], null, 0, true],
    [[['error', { type: 'error', message: 'x' }]], null, 0, true],
    [[['response.completed', { type: 'response.completed' }]], null, 0, true],
  ]
  for (const [events, usage, seen, isDone] of rows) {
    const fold = folded('openai-responses', events)
    t.same(
      [short(fold.usage), fold.outputSoFar, fold.done],
      [usage, seen, isDone],
      JSON.stringify(events),
    )
  }
})

const start = (usage: unknown): Event => [
  'message_start',
  { type: 'message_start', message: { usage } },
]
const delta = (change: unknown): Event => [
  'content_block_delta',
  { type: 'content_block_delta', delta: change },
]
const counts = (usage: unknown): Event => [
  'message_delta',
  { type: 'message_delta', delta: {}, usage },
]
const stop: Event = ['message_stop', { type: 'message_stop' }]
const begun = { input_tokens: 25, cache_read_input_tokens: 5, output_tokens: 1 }

test('an Anthropic stream is known when its message stops', async (t) => {
  const rows: readonly (readonly [
    events: readonly Event[],
    usage: Short,
    seen: number,
    isDone: boolean,
  ])[] = [
    [
      [
        start(begun),
        ['ping', { type: 'ping' }],
        delta({ type: 'text_delta', text: 'a' }),
        counts({ output_tokens: 15 }),
        stop,
      ],
      [30, 5, 0, 15],
      15,
      true,
    ],
    [
      [
        start(begun),
        delta({ thinking: 'a' }),
        delta({ partial_json: '{' }),
        delta({ signature: 'x' }),
        delta(5),
      ],
      null,
      2,
      false,
    ],
    [[start(begun), counts({ output_tokens: 15 })], null, 15, false],
    [[start(begun), ['', { type: 'error', error: {} }]], null, 1, true],
    [[counts({ output_tokens: 15 }), stop], null, 0, true],
    [[start({ output_tokens: 1 }), stop], null, 0, true],
    [[start(begun), counts({ output_tokens: -1 }), stop], null, 1, true],
    [[start(begun), counts(null), stop], null, 1, true],
    [[stop], null, 0, true],
    [
      [
        ['message_start', { message: { usage: begun } }],
        ['message_stop', {}],
      ],
      [30, 5, 0, 1],
      1,
      true,
    ],
  ]
  for (const [events, usage, seen, isDone] of rows) {
    const fold = folded('anthropic', events)
    t.same(
      [short(fold.usage), fold.outputSoFar, fold.done],
      [usage, seen, isDone],
      JSON.stringify(events),
    )
  }
})

const said = (text: string): unknown => ({ content: { parts: [{ text }] } })
const at = (promptTokenCount: unknown, candidatesTokenCount: unknown): unknown => ({
  promptTokenCount,
  candidatesTokenCount,
})

test('a Gemini stream is known when it says why it ends', async (t) => {
  const rows: readonly (readonly [
    events: readonly Event[],
    usage: Short,
    seen: number,
    isDone: boolean,
  ])[] = [
    [
      [
        ['', { candidates: [said('a')], usageMetadata: at(5, 1) }],
        [
          '',
          { candidates: [{ ...Object(said('b')), finishReason: 'STOP' }], usageMetadata: at(5, 8) },
        ],
      ],
      [5, 0, 0, 8],
      8,
      true,
    ],
    [
      [
        ['', { candidates: [said('a')] }],
        ['', { candidates: [said(''), 5] }],
        ['', { candidates: [{ content: { parts: [5, { functionCall: {} }] } }] }],
      ],
      null,
      2,
      false,
    ],
    [[['', { candidates: [{ finishReason: 'STOP' }] }]], null, 0, false],
    [
      [['', { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: at(5, null) }]],
      [5, 0, 0, 0],
      0,
      true,
    ],
    [[['', { candidates: [{ finishReason: 'STOP' }], usageMetadata: at(5, -1) }]], null, 0, false],
    [[['', { error: { code: 500 } }]], null, 0, true],
  ]
  for (const [events, usage, seen, isDone] of rows) {
    const fold = folded('gemini', events)
    t.same(
      [short(fold.usage), fold.outputSoFar, fold.done],
      [usage, seen, isDone],
      JSON.stringify(events),
    )
  }
})

test('a stream that is cut ends with an error of its own format, in one event', async (t) => {
  const wires: readonly ModelWire[] = ['openai-chat', 'openai-responses', 'anthropic', 'gemini']
  for (const wire of wires) {
    const event = cutEvent(wire, 'budget-exhausted', 'No\n\ndata: more.')
    const lines = event.split('\n')
    const [text = ''] = lines.filter((line) => line.startsWith('data: '))
    t.equal(lines.length, event.startsWith('event: ') ? 4 : 3, wire)
    t.match(
      JSON.parse(text.slice(6)),
      wire === 'openai-responses' ? { type: 'error' } : { error: {} },
    )
    t.match(text, /budget-exhausted/)
    const name = event.startsWith('event: ') ? (lines[0] ?? '').slice(7) : ''
    t.match(
      [openUsage(wire)].map((fold) => [fold.event(name, text.slice(6)), fold.done, fold.usage])[0],
      [undefined, true, null],
    )
  }
})
