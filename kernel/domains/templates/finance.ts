/** Policies to begin with in the domain finance. */
import type { PolicyTemplate } from '../../domain.ts'

const flashCrash = `# An agent trades, and cannot move a market: each order, each minute and each day has an end, and prices have a band.
# Put your broker in and its prices, then run: haltgate policy check
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  trader: { type: act_trading_agent }
approvers:
  # The hash of a token that nobody has: put that of one of your own here.
  risk-officer:
    groups: [risk]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000001"]
domains:
  finance:
    exchange: NYSE
    order_value_max: 250000
    order_value_per_minute_max: 1000000
    # What an order's price is compared with: a file of your own, such as ./prices.yaml, keeps it fresh.
    reference_prices: { ACME: 189.50, INIT: 42.10 }
    price_band: 5
    # The template position_limits has the limits by position.
    position_share_max: 100
rules:
  - id: read-market
    agents: [trader]
    hosts: [broker.example.com]
    ports: [443]
    methods: [GET]
    paths: ["/quotes/**"]
    domain: finance
    action: axn_read_market_data
    resource: res_market_data
    effect: allow
  # The domain counts what the order is worth, which is the larger of the two charges.
  - id: place-order
    agents: [trader]
    hosts: [broker.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/orders"]
    decoder: json
    domain: finance
    action: axn_place_order
    resource: '"res_security:" + body.symbol'
    context:
      symbol: body.symbol
      side: body.side
      qty: string(body.qty)
      price: string(body.price)
    charge: { order_value: 1 }
    effect: allow
  - id: cancel-order
    agents: [trader]
    hosts: [broker.example.com]
    ports: [443]
    methods: [DELETE]
    paths: ["/orders/*"]
    domain: finance
    action: axn_cancel_order
    resource: res_order
    context: { order_id: request.path.substring(8) }
    effect: allow
  - id: rebalance
    agents: [trader]
    hosts: [broker.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/rebalance"]
    decoder: json
    domain: finance
    action: axn_rebalance
    resource: res_portfolio
    context: { portfolio: body.portfolio }
    effect: approve
    approval: { need: 1, of: [risk], expires: 15m }
    reason: Moving a portfolio needs the yes of the risk desk.
budgets:
  # All agents together, in any 60 s, in USD; what does not fit is refused and not queued, for a price grows old.
  - id: orders-a-minute
    scope: fleet
    window: 60s
    limits: { order_value: 2M }
    on_limit: block
  # More than this on one day is a fault: the agent is stopped until a person has looked.
  - id: orders-a-day
    scope: agent
    period: day
    limits: { order_value: 20M }
    tiers: [50, 90]
    on_limit: kill
  # An agent that is refused again and again is stopped too.
  - id: per-run
    scope: run
    limits: { requests: 5k, refusals: 50, wall: 8h }
    on_limit: kill
`

const positionLimits = `# An agent trades for a portfolio, and no security becomes more of it than five percent, long or short.
# Put your broker and your positions in, then run: haltgate policy check
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  trader: { type: act_trading_agent }
domains:
  finance:
    exchange: NYSE
    order_value_max: 250000
    position_share_max: 5
    # The snapshot: what the portfolio and each of its securities was worth. A file, such as ./positions.yaml, may hold
    # the positions; load it anew each day. Orders since then are counted by the gate itself.
    portfolio_value: 5000000
    positions: { ACME: 180000, INIT: 20000 }
    positions_as_of: "2026-11-20T21:00:00Z"
    positions_hours_max: 96
rules:
  - id: read-positions
    agents: [trader]
    hosts: [broker.example.com]
    ports: [443]
    methods: [GET]
    paths: ["/positions"]
    domain: finance
    action: axn_read_positions
    resource: res_portfolio
    effect: allow
  # The domain counts what the order is worth, which is the larger of the two charges.
  - id: place-order
    agents: [trader]
    hosts: [broker.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/orders"]
    decoder: json
    domain: finance
    action: axn_place_order
    resource: '"res_security:" + body.symbol'
    context:
      symbol: body.symbol
      side: body.side
      qty: string(body.qty)
      price: string(body.price)
    charge: { order_value: 1 }
    effect: allow
budgets:
  - id: orders-a-day
    scope: fleet
    period: day
    limits: { order_value: 1M }
    on_limit: approve
  - id: per-run
    scope: run
    limits: { requests: 5k, refusals: 50, wall: 8h }
    on_limit: kill
`

export const financeTemplates: readonly PolicyTemplate[] = [
  {
    name: 'prevent_flash_crash',
    description:
      'Orders within market hours and a band of prices, with an end to each order, minute and day.',
    text: flashCrash,
  },
  {
    name: 'position_limits',
    description: 'No security becomes more than five percent of the portfolio.',
    text: positionLimits,
  },
]
