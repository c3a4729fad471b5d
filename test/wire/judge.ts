/** Judges what came of a case: each sentence says what is not as it should be, and none means that it passed. */
import type { Between, Case } from './case.ts'
import type { Line } from './origins.ts'
import type { Heard } from './play.ts'

export interface Evidence {
  readonly id: string
  readonly heard: Heard
  readonly lines: readonly Line[]
  /** haltgate's ledger of the case, without rejections; null where there is none to be read. */
  readonly entries: readonly string[] | null
  /** Authorities that a Host header may name at an origin. */
  readonly hosts: readonly string[]
  /** The proxy is a haltgate, known or said to be one. */
  readonly exact: boolean
}

export function judge(script: Case, evidence: Evidence): readonly string[] {
  const requests = requestsOf(evidence)
  const problems = [
    ...outcomeProblems(script, evidence, requests.length),
    ...requestProblems(script, evidence),
    ...clientProblems(script, evidence),
    ...tunnelProblems(script, evidence),
  ]
  if (!evidence.exact) return problems
  return [...problems, ...exactProblems(script, evidence, requests.length)]
}

const requestsOf = ({ id, lines }: Evidence): readonly Line['requests'][number]['message'][] =>
  lines.flatMap((line) => line.requests.filter((one) => one.id === id).map((one) => one.message))

const within = (count: number, [least, most]: Between): boolean => count >= least && count <= most

const requestsDefault: Readonly<Record<Case['expect']['outcome'], Between>> = {
  refused: [0, 0],
  served: [1, 1],
  safe: [0, 1],
  cut: [0, 1],
  answered: [0, 1],
}

function outcomeProblems(script: Case, evidence: Evidence, requests: number): readonly string[] {
  const { heard } = evidence
  const whole = requestsOf(evidence).filter((request) => request.whole).length
  const { outcome, status, closes } = script.expect
  const first = heard.answers[0]
  const shown = first === undefined ? `nothing, ${heard.fate}` : String(first.status)
  const problems: string[] = []
  const served = first !== undefined && first.status > 0 && first.status < 400
  if (outcome === 'served' && !served) problems.push(`not served: ${shown}`)
  if (
    outcome === 'refused' &&
    served &&
    script.expect.tunnelled === undefined &&
    !isTunnel(heard)
  ) {
    problems.push(`served: ${shown}`)
  }
  if (outcome === 'cut' && served && first.whole) problems.push(`a whole answer: ${shown}`)
  if (status !== undefined && first !== undefined && first.status > 0) {
    if (!status.includes(first.status)) problems.push(`status ${shown}`)
  }
  if (closes === true && heard.fate === 'open') problems.push('the connection stays open')
  const between = script.expect.requests ?? requestsDefault[outcome]
  if (!within(requests, between)) problems.push(`${requests} requests reached an origin`)
  const most = script.expect.answers ?? 1
  const good = heard.answers.filter((answer) => answer.status > 0 && answer.status < 400).length
  if (outcome === 'safe' && whole > good) problems.push(`${whole} requests for ${good} answers`)
  if (heard.answers.length > most) problems.push(`${heard.answers.length} answers`)
  return problems
}

/** A tunnel may be answered before its first bytes are judged: then what comes through it counts. */
const isTunnel = ({ text }: Heard): boolean => /^HTTP\/1\.[01] 200 [^\r]*established/i.test(text)

function requestProblems(script: Case, evidence: Evidence): readonly string[] {
  const { requestHas = [], requestLacks = [] } = script.expect
  const problems: string[] = []
  for (const { startLine, headers, text, faults } of requestsOf(evidence)) {
    problems.push(...faults.map((fault) => `at the origin: ${fault}`))
    const hosts = headers.filter(([name]) => name === 'host').map(([, value]) => value)
    if (hosts.length !== 1 || !evidence.hosts.includes(hosts[0] ?? '')) {
      problems.push(`at the origin: Host is ${JSON.stringify(hosts)} for ${startLine}`)
    }
    for (const pattern of requestHas) {
      if (!pattern.test(text)) problems.push(`at the origin: ${pattern} is missing`)
    }
    for (const pattern of requestLacks) {
      if (pattern.test(text)) problems.push(`at the origin: ${pattern} came through`)
    }
  }
  for (const line of evidence.lines) {
    const rest = line.kind === 'tcp' || line.switched ? '' : line.text.slice(line.at)
    const of = line.requests.at(-1)?.id ?? line.id
    if (of === evidence.id && rest !== '' && line.requests.at(-1)?.message.whole !== false) {
      problems.push(`at the origin: ${JSON.stringify(rest.slice(0, 40))} is no request`)
    }
    if (line.kind === 'shut' && line.id === evidence.id) problems.push('a shut port was reached')
  }
  return problems
}

function clientProblems(script: Case, { heard }: Evidence): readonly string[] {
  const { clientHas = [], clientLacks = [], served } = script.expect
  const problems = heard.answers.flatMap(({ faults }) => faults.map((fault) => `heard: ${fault}`))
  for (const pattern of clientHas) {
    if (!pattern.test(heard.text)) problems.push(`the client does not hear ${pattern}`)
  }
  for (const pattern of clientLacks) {
    if (pattern.test(heard.text)) problems.push(`the client hears ${pattern}`)
  }
  const count = heard.crowd.filter((status) => status > 0 && status < 400).length
  if (served !== undefined && !within(count, served)) problems.push(`${count} of a crowd served`)
  return problems
}

function tunnelProblems(script: Case, { id, lines }: Evidence): readonly string[] {
  const { outcome, tunnelled } = script.expect
  const texts = lines.filter((line) => line.kind === 'tcp' && line.id === id && line.text !== '')
  if (tunnelled === undefined) {
    if (outcome === 'served' || texts.length === 0) return []
    return [`${texts[0]?.text.length} bytes came through the tunnel`]
  }
  return texts.some(({ text }) => tunnelled.test(text)) ? [] : [`${tunnelled} did not come through`]
}

function exactProblems(script: Case, evidence: Evidence, requests: number): readonly string[] {
  const { status, code, entries: wanted } = script.haltgate ?? {}
  const { heard, entries } = evidence
  const problems: string[] = []
  const first = heard.answers[0]
  if (status !== undefined && first?.status !== status) {
    problems.push(`haltgate: status ${first?.status ?? 'none'}, not ${status}`)
  }
  if (code !== undefined && !heard.text.includes(`Haltgate-Reason: ${code}\r\n`)) {
    problems.push(`haltgate: the reason is not ${code}`)
  }
  if (entries === null) return problems
  const allowed = entries.filter((entry) => entry.startsWith('decision allow')).length
  if (requests > allowed) problems.push(`haltgate: ${requests} requests for ${allowed} allows (I1)`)
  const shown = [...entries].sort().join('; ')
  if (wanted !== undefined && shown !== [...wanted].sort().join('; ')) {
    problems.push(`haltgate: the ledger has ${shown}`)
  }
  return problems
}
