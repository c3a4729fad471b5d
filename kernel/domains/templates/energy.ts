/** Policies to begin with in the domain energy. */
import type { PolicyTemplate } from '../../domain.ts'

const readOnlyGrid = `# An agent watches a plant and may set one valve and one battery, within bounds and slowly. All else is read-only.
# A breaker moves with the yes of two people. Put your hosts, keys and assets in, then run: haltgate policy check
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  watcher: { type: act_monitoring_agent }
  dispatcher: { type: act_dispatch_agent }
approvers:
  # Hashes of tokens that nobody has: put that of one of your own here.
  shift-lead:
    groups: [control-room]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000001"]
  grid-engineer:
    groups: [control-room]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000002"]
issuers:
  # The historian signs what assets measure. An Ed25519 key, x of its JWK; nobody has the private half of this one.
  historian: { kinds: [telemetry], key: 4fV5E9mAVCiksvOKvb7pUOSYaxNFvO66g3htVuFOYNQ }
domains:
  energy:
    writable_assets: [valve-3, battery-1, breaker-7]
    locked_out_assets: []
    setpoint_min: { valve-3: 0, battery-1: -2.5 }
    setpoint_max: { valve-3: 100, battery-1: 2.5 }
    # In the unit of the asset, in any stretch of five minutes.
    ramp_max: { valve-3: 10, battery-1: 0.5 }
    ramp_window_s: 300
    telemetry_age_max_s: 30
    switching_approvers: [control-room]
rules:
  # The asset stands in the path: /assets/NAME/…
  - id: telemetry
    agents: [watcher, dispatcher]
    hosts: [scada.example.com]
    ports: [443]
    methods: [GET]
    paths: ["/assets/*/telemetry"]
    domain: energy
    action: axn_read_telemetry
    resource: '"res_asset:" + request.path.split("/")[2]'
    context: { asset: 'request.path.split("/")[2]' }
    effect: allow
  - id: setpoint
    agents: [dispatcher]
    hosts: [scada.example.com]
    ports: [443]
    methods: [PUT]
    paths: ["/assets/*/setpoint"]
    decoder: json
    domain: energy
    action: axn_write_setpoint
    resource: '"res_asset:" + request.path.split("/")[2]'
    context:
      asset: request.path.split("/")[2]
      setpoint: string(body.setpoint)
    charge: { risk: 20 }
    effect: allow
  - id: breaker
    agents: [dispatcher]
    hosts: [scada.example.com]
    ports: [443]
    methods: [PUT]
    paths: ["/assets/*/position"]
    decoder: json
    domain: energy
    action: axn_operate_breaker
    resource: '"res_breaker:" + request.path.split("/")[2]'
    context:
      asset: request.path.split("/")[2]
      position: body.position
    charge: { risk: 100 }
    effect: approve
    approval: { need: 2, of: [control-room], expires: 15m }
    reason: Switching needs two people of the control room.
budgets:
  - id: commands-an-hour
    scope: agent
    window: 1h
    limits: { risk: 1k }
    on_limit: kill
  - id: per-run
    scope: run
    limits: { requests: 10k, refusals: 20, wall: 12h }
    on_limit: kill
`

export const energyTemplates: readonly PolicyTemplate[] = [
  {
    name: 'read_only_grid',
    description:
      'Everything is read-only but what is listed; set-points within bounds and ramps, breakers with two people.',
    text: readOnlyGrid,
  },
]
