/** Policies to begin with in the domain supply_chain. */
import type { PolicyTemplate } from '../../domain.ts'

const knownSuppliers = `# An agent orders goods: each order once and below a ceiling, never of those on a list, and nobody is paid to a new
# account before a person has called. Put your hosts and lists in, then run: haltgate policy check
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  buyer: { type: act_procurement_agent }
approvers:
  # The hash of a token that nobody has: put that of one of your own here.
  treasurer:
    groups: [treasury]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000001"]
issuers:
  # Who calls suppliers signs what they said. An Ed25519 key, x of its JWK; nobody has the private half of this one.
  callback-desk: { kinds: [callback], key: RPQCE54-YrEe3yIxycOXcSXZUBtcXCPGfZLarYzyKmU }
domains:
  supply_chain:
    order_value_max: 50000
    exchange_rates: { EUR: 1.20 }
    quantity_max: 1000
    # Names with their other names. A file, such as ./sanctions.yaml, may hold them; load it anew each week.
    sanctions:
      Example Sanctioned Trading LLC: [Primer Treyding OOO, "Образец Трейдинг"]
    sanctioned_countries: [CU, IR, KP]
    callback_required: true
rules:
  - id: inventory
    agents: [buyer]
    hosts: [erp.example.com]
    ports: [443]
    methods: [GET]
    paths: ["/inventory/**"]
    domain: supply_chain
    action: axn_read_inventory
    resource: res_inventory
    effect: allow
  # The domain counts what the order is worth, which is the larger of the two charges.
  - id: order
    agents: [buyer]
    hosts: [erp.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/orders"]
    decoder: json
    domain: supply_chain
    action: axn_place_order
    resource: '"res_supplier:" + body.supplier.id'
    context:
      supplier: body.supplier.id
      supplier_name: body.supplier.name
      country: body.supplier.country
      order_id: body.order_id
      order_value: string(body.total)
      currency: body.currency
      qty: body.qty
    charge: { order_value: 1 }
    effect: allow
  - id: new-supplier
    agents: [buyer]
    hosts: [erp.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/suppliers"]
    decoder: json
    domain: supply_chain
    action: axn_add_supplier
    resource: '"res_supplier:" + body.id'
    context: { supplier: body.id, supplier_name: body.name, country: body.country }
    effect: approve
    approval: { need: 1, of: [treasury], expires: 1d }
    reason: A new supplier needs the yes of the treasury.
  - id: bank-details
    agents: [buyer]
    hosts: [erp.example.com]
    ports: [443]
    methods: [PUT]
    paths: ["/suppliers/*/bank"]
    decoder: json
    domain: supply_chain
    action: axn_change_bank_details
    resource: '"res_supplier:" + request.path.split("/")[2]'
    context:
      supplier: request.path.split("/")[2]
      account: body.account
      bank_country: body.country
    charge: { risk: 100 }
    effect: approve
    approval: { need: 1, of: [treasury], expires: 1d }
    reason: New bank details need the yes of the treasury.
budgets:
  # What all agents together may order on one day, in USD; beyond it a person decides.
  - id: orders-a-day
    scope: fleet
    period: day
    limits: { order_value: 200k }
    on_limit: approve
  - id: per-run
    scope: run
    limits: { requests: 2k, risk: 500, refusals: 50, wall: 8h }
    on_limit: kill
`

export const supplyChainTemplates: readonly PolicyTemplate[] = [
  {
    name: 'known_suppliers',
    description:
      'Orders once and below a ceiling, lists of names and countries, and new bank details with a person and a call-back.',
    text: knownSuppliers,
  },
]
