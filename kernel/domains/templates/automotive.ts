/** Policies to begin with in the domain automotive. */
import type { PolicyTemplate } from '../../domain.ts'

const standingVehicles = `# An agent looks after a fleet. What moves a vehicle or changes its software is for one that stands, as somebody signed
# a moment ago; moving needs two people beside that. Put your hosts and keys in, then run: haltgate policy check
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  fleet: { type: act_fleet_agent }
approvers:
  # Hashes of tokens that nobody has: put that of one of your own here.
  safety-officer:
    groups: [safety]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000001"]
  duty-engineer:
    groups: [safety]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000002"]
issuers:
  # Who signs the state of vehicles, and who releases updates. Ed25519, x of JWKs; nobody has the private halves.
  vehicle-gateway: { kinds: [attestation], key: egbVauA-WtQFBy4RUsBKVv9azktN33S_W_kqKlAE-10 }
  release-office: { kinds: [update], key: fugbjl5SGnmZs_zOtm_vqUase2holwYJobs0DXCLX0Y }
domains:
  automotive:
    attestation_age_max_s: 60
    allowed_while_moving: [axn_set_climate]
rules:
  # The vehicle stands in the path: /vehicles/VIN/COMMAND.
  - id: telemetry
    agents: [fleet]
    hosts: [vehicles.example.com]
    ports: [443]
    methods: [GET]
    paths: ["/vehicles/*/telemetry"]
    domain: automotive
    action: axn_read_telemetry
    resource: '"res_vehicle:" + request.path.split("/")[2]'
    context: { vin: 'request.path.split("/")[2]' }
    effect: allow
  - id: climate
    agents: [fleet]
    hosts: [vehicles.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/vehicles/*/climate"]
    domain: automotive
    action: axn_set_climate
    resource: '"res_vehicle:" + request.path.split("/")[2]'
    context: { vin: 'request.path.split("/")[2]' }
    charge: { risk: 5 }
    effect: allow
  - id: unlock
    agents: [fleet]
    hosts: [vehicles.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/vehicles/*/unlock"]
    domain: automotive
    action: axn_unlock_doors
    resource: '"res_vehicle:" + request.path.split("/")[2]'
    context: { vin: 'request.path.split("/")[2]' }
    charge: { risk: 20 }
    effect: allow
  - id: move
    agents: [fleet]
    hosts: [vehicles.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/vehicles/*/move"]
    domain: automotive
    action: axn_move_vehicle
    resource: '"res_vehicle:" + request.path.split("/")[2]'
    context: { vin: 'request.path.split("/")[2]' }
    charge: { risk: 100 }
    effect: approve
    approval: { need: 2, of: [safety], expires: 15m }
    reason: Moving a vehicle needs two people of safety.
  - id: update
    agents: [fleet]
    hosts: [vehicles.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/vehicles/*/update"]
    decoder: json
    domain: automotive
    action: axn_install_update
    resource: '"res_vehicle:" + request.path.split("/")[2]'
    context:
      vin: request.path.split("/")[2]
      digest: body.digest
    charge: { risk: 100 }
    effect: allow
budgets:
  # An agent that commands many vehicles at once is stopped.
  - id: commands-an-hour
    scope: agent
    window: 1h
    limits: { risk: 500 }
    on_limit: kill
  - id: per-run
    scope: run
    limits: { requests: 2k, refusals: 50, wall: 8h }
    on_limit: kill
`

export const automotiveTemplates: readonly PolicyTemplate[] = [
  {
    name: 'vehicle_commands',
    description:
      'Commands by class: comfort with a fresh attestation, driving for a parked vehicle and with two people, signed updates.',
    text: standingVehicles,
  },
]
