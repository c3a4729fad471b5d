/** Policies to begin with in the domain general. */
import type { PolicyTemplate } from '../../domain.ts'

const denyByDefault = `# Nothing passes but what a rule names. Put your hosts in, then run: haltgate policy check
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  worker: { type: act_agent }
rules:
  # Reading: nothing is sent along but the address.
  - id: documentation
    hosts: [docs.example.com]
    ports: [443]
    methods: [GET, HEAD]
    domain: general
    action: axn_read
    resource: res_api:docs
    effect: allow
  # Writing: judged by its whole body, in which no secret and no personal data may stand.
  - id: records
    hosts: [api.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/v1/records"]
    decoder: json
    domain: general
    action: axn_write
    resource: res_record
    charge: { risk: 50 }
    payload: block
    effect: allow
budgets:
  # What one run may spend in all. At the end of any of these the run is halted.
  - id: per-run
    scope: run
    limits: { requests: 500, risk: 1k, bytes_up: 10MiB, bytes_down: 1GiB, wall: 1h, refusals: 100 }
    on_limit: kill
  # Not more than this in any minute; what does not fit waits for its turn.
  - id: per-minute
    scope: agent
    window: 60s
    limits: { requests: 60 }
    on_limit: queue
`

export const generalTemplates: readonly PolicyTemplate[] = [
  {
    name: 'deny_by_default',
    description: 'Nothing passes but what a rule names, and each run has an end.',
    text: denyByDefault,
  },
]
