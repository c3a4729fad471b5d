/** What a policy leaves open about models: those that it names and nobody priced, and those that cost nothing. */
import type { Content, DecoderName, ModelWire } from '../kernel/content.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Linted } from './lint-finding.ts'
import { requestsFor } from './lint-request.ts'
import type { RuleSource } from './source.ts'

const wires: Readonly<Partial<Record<DecoderName, ModelWire>>> = {
  openai: 'openai-chat',
  anthropic: 'anthropic',
  gemini: 'gemini',
}

/** Decoders that read calls of models, which have a price. */
export const modelDecoders: readonly string[] = Object.keys(wires)

/** A name that no table of prices can hold. */
const unknownModel = 'a-model-that-nobody-priced'

export function lintModels(linted: Linted): void {
  const { policy, source, suspect } = linted
  const rules = source.rules.filter(({ decoder, state }) => {
    return state === 'active' && modelDecoders.includes(decoder)
  })
  for (const rule of rules) {
    for (const model of namedIn(rule.when)) {
      suspect({
        ...{ code: 'unpriced-model', ids: [rule.id], at: 'when' },
        message: `the model ${model} has no price, so that each call of it is refused: state one under \`prices\``,
        requests: calling(requestsFor(policy, rule), rule, model),
        shows: ({ classification }) => {
          return classification.refusals.some(({ code }) => code === 'unpriced-model')
        },
      })
    }
  }
  const isLimited = source.budgets.some(({ limits }) => Object.hasOwn(limits, 'cost_usd'))
  if (!isLimited) return
  const free = (model: string, path: readonly (string | number)[]): void => {
    const message = `${model === unknownModel ? 'a model that nobody priced' : model} costs nothing by this, and no budget of \`cost_usd\` ever counts it`
    suspect({
      ...{ code: 'free-model', ids: [], at: path, message },
      requests: rules.flatMap((rule) => calling(requestsFor(policy, rule), rule, model)),
      shows: ({ classification: { price } }) => {
        return price !== null && price.input === 0 && price.output === 0
      },
    })
  }
  for (const { id, match, input, output } of source.prices) {
    if (input === 0 && output === 0)
      free(match[0]?.replaceAll('*', 'x') ?? id, ['prices', 'models'])
  }
  const [unpriced] = source.unpriced
  if (unpriced?.input === 0 && unpriced.output === 0) free(unknownModel, ['prices', 'unpriced'])
}

/** Models that a condition compares with by name. */
function namedIn(when: string): readonly string[] {
  const found = [...when.matchAll(/\b(?:facts|body)\.model\s*==\s*["']([^"']+)["']/g)].map(
    ([, name = '']) => name,
  )
  for (const [, list = ''] of when.matchAll(/\b(?:facts|body)\.model\s+in\s+\[([^\]]*)\]/g)) {
    for (const [, name = ''] of list.matchAll(/["']([^"']+)["']/g)) found.push(name)
  }
  return [...new Set(found)]
}

/** The same requests, as calls of a model. */
function calling(
  requests: readonly RequestFacts[],
  { decoder }: RuleSource,
  model: string,
): readonly RequestFacts[] {
  const wire = decoder === '' ? undefined : wires[decoder]
  if (decoder === '' || wire === undefined) return []
  const call = { wire, model, streams: false, tokensInMax: 1, tokensOutMax: 1, choices: 1 }
  const content: Content = { decoder, body: { model }, facts: { model }, model: call }
  return requests.map((request) => ({ ...request, content }))
}
