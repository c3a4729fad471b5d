/** Policies to begin with in the domain ai. */
import type { PolicyTemplate } from '../../domain.ts'

const humanOversight = `# An agent works with models and tools by itself; what is of high risk waits for a person.
# Put your hosts, models and tools in, then run: haltgate policy check
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  worker: { type: act_agent }
approvers:
  # The hash of a token that nobody has: put that of one of your own here.
  overseer:
    groups: [oversight]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000001"]
domains:
  ai:
    models: ["gpt-5*"]
    # What may be run, and what a call of a model may offer.
    tools: [search, read_page, summarize, send_message]
    # No list above lets these through.
    tools_denied: ["shell*", "exec*", "eval*"]
    tools_offered_max: 16
rules:
  - id: model-calls
    hosts: [api.openai.com]
    ports: [443]
    methods: [POST]
    paths: ["/v1/chat/completions", "/v1/responses"]
    decoder: openai
    domain: ai
    action: axn_call_model
    resource: '"res_model:" + facts.model'
    effect: allow
  # Opening a session and listing its tools runs none of them.
  - id: tools-session
    hosts: [tools.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/mcp"]
    decoder: mcp
    when: 'facts.mcp_method in ["initialize", "notifications/initialized", "ping", "tools/list"]'
    domain: ai
    action: axn_read
    resource: res_tool
    effect: allow
  - id: tools-run
    hosts: [tools.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/mcp"]
    decoder: mcp
    when: 'facts.mcp_method == "tools/call"'
    domain: ai
    action: axn_execute_tool
    resource: '"res_tool:" + facts.mcp_tool'
    charge: { risk: 20 }
    effect: allow
  # One tool has effects outside: a person reads each of its calls first.
  - id: messages-need-a-person
    hosts: [tools.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/mcp"]
    decoder: mcp
    when: 'facts.mcp_tool == "send_message"'
    effect: approve
    approval: { need: 1, of: [oversight], expires: 1h }
    reason: Messages to people need the yes of one.
  # What an agent remembers, it will read again: it is looked through for instructions of others.
  - id: memory-write
    hosts: [memory.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/notes"]
    decoder: json
    domain: ai
    action: axn_write
    resource: res_memory
    context: { content: body.text }
    charge: { risk: 10 }
    payload: block
    effect: allow
  # The domain asks a person before anything is deleted.
  - id: memory-delete
    hosts: [memory.example.com]
    ports: [443]
    methods: [DELETE]
    paths: ["/notes/*"]
    domain: ai
    action: axn_delete
    resource: res_memory
    effect: allow
budgets:
  - id: per-run
    scope: run
    limits: { requests: 500, risk: 2k, cost_usd: 5.00, tokens: 2M, wall: 2h, refusals: 50 }
    tiers: [50, 90]
    on_limit: kill
`

export const aiTemplates: readonly PolicyTemplate[] = [
  {
    name: 'high_risk_human_oversight',
    description:
      'Models and tools by allow-list; deleting, and what has effects on people, waits for a person.',
    text: humanOversight,
  },
]
