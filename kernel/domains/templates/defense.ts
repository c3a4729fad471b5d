/** Policies to begin with in the domain defense. */
import type { PolicyTemplate } from '../../domain.ts'

const ceilings = `# Nothing goes to a destination that is more secret than it may have, or than its agent has read before.
# Put your hosts in, then run: haltgate policy check
# A rule without a domain would let out unseen what was read: give each rule that allows anything this domain.
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  analyst: { type: act_analyst }
approvers:
  # The hashes of tokens that nobody has: put that of one of your own here.
  first:
    groups: [command]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000001"]
  second:
    groups: [command]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000002"]
domains:
  defense:
    # Every other destination may have what is UNCLASSIFIED.
    ceilings:
      archive.example.com: SECRET
      effectors.example.com: SECRET
      "*.partners.example.com": CONFIDENTIAL
    # An agent names its own runs: by a new name it must not forget what it read.
    high_water: agent
    effect_approvers: [command]
rules:
  # The archive's own paths say how secret a report is: /reports/LEVEL/NUMBER.
  - id: report-read
    hosts: [archive.example.com]
    ports: [443]
    methods: [GET]
    paths: ["/reports/*/*"]
    domain: defense
    action: axn_read
    resource: '"res_report:" + request.path.split("/")[3]'
    context: { classification: 'request.path.split("/")[2]' }
    effect: allow
  # The label of a message is its sender's; what its sender has read before holds whatever the label says.
  - id: message-send
    hosts: [mail.partners.example.com, mail.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/messages"]
    decoder: json
    domain: defense
    action: axn_send
    resource: res_message
    context: { classification: body.classification }
    charge: { risk: 20 }
    effect: allow
  # The domain asks two people.
  - id: effect
    hosts: [effectors.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/effects"]
    decoder: json
    domain: defense
    action: axn_effect
    resource: res_system
    context: { classification: body.classification }
    charge: { risk: 200 }
    effect: allow
budgets:
  - id: per-run
    scope: run
    limits: { requests: 500, risk: 1k, wall: 2h, refusals: 20 }
    on_limit: kill
`

export const defenseTemplates: readonly PolicyTemplate[] = [
  {
    name: 'classification_ceilings',
    description: 'A ceiling for each destination, no flow downward, two people for an effect.',
    text: ceilings,
  },
]
