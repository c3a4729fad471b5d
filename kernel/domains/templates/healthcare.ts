/** Policies to begin with in the domain healthcare. */
import type { PolicyTemplate } from '../../domain.ts'

const minimumNecessary = `# Records of patients: with their consent, no more than an action needs, to hosts that may have them.
# Put your hosts, fields and keys in, then run: haltgate policy check
version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents:
  assistant: { type: act_clinical_assistant }
approvers:
  # The hash of a token that nobody has: put that of one of your own here.
  physician-on-duty:
    groups: [physician]
    tokens: ["sha256:0000000000000000000000000000000000000000000000000000000000000001"]
issuers:
  # Who signs consents, by an Ed25519 key: x of its JWK. Nobody has the private half of this one.
  clinic: { kinds: [consent], key: VqqMFg1EHLEANrFWE5Am_KFT24qgOxUNYqnpO3ZIKkQ }
domains:
  healthcare:
    # Minimum necessary: what is not listed for an action, it may not touch.
    fields:
      axn_read_record: [name, birth_date, allergies, medications, conditions]
      axn_search_patients: [name]
      axn_write_record: [note]
      axn_share_record: [conditions, medications]
    phi_hosts: [records.example.com, lab.example.com]
    search_max: 20
rules:
  # GET /patients/ID?fields=name,allergies
  - id: record-read
    hosts: [records.example.com]
    ports: [443]
    methods: [GET]
    paths: ["/patients/*"]
    domain: healthcare
    action: axn_read_record
    resource: '"res_patient:" + request.path.split("/")[2]'
    context:
      patient_id: request.path.split("/")[2]
      fields: request.query.fields
    charge: { risk: 10 }
    effect: allow
  # GET /patients?fields=name&limit=10&…
  - id: patient-search
    hosts: [records.example.com]
    ports: [443]
    methods: [GET]
    paths: ["/patients"]
    domain: healthcare
    action: axn_search_patients
    resource: res_directory
    context:
      fields: request.query.fields
      limit: int(request.query.limit)
    charge: { risk: 20 }
    effect: allow
  # POST /patients/ID/notes {"note": "…"}: a body with anything else matches no rule.
  - id: note-write
    hosts: [records.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/patients/*/notes"]
    decoder: json
    when: 'size(body) == 1 && has(body.note)'
    domain: healthcare
    action: axn_write_record
    resource: '"res_patient:" + request.path.split("/")[2]'
    context:
      patient_id: request.path.split("/")[2]
      fields: '"note"'
    charge: { risk: 20 }
    effect: allow
  # POST /referrals {"patient_id": "…", "conditions": […], "medications": […]}
  - id: record-share
    hosts: [lab.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/referrals"]
    decoder: json
    when: 'size(body) == 3 && has(body.patient_id) && has(body.conditions) && has(body.medications)'
    domain: healthcare
    action: axn_share_record
    resource: res_record
    context:
      patient_id: body.patient_id
      fields: '"conditions,medications"'
    charge: { risk: 50 }
    effect: allow
  # The domain asks a physician.
  - id: prescribe
    hosts: [records.example.com]
    ports: [443]
    methods: [POST]
    paths: ["/patients/*/prescriptions"]
    decoder: json
    domain: healthcare
    action: axn_prescribe
    resource: res_prescription
    context:
      patient_id: request.path.split("/")[2]
    charge: { risk: 100 }
    effect: allow
budgets:
  - id: per-run
    scope: run
    limits: { requests: 500, risk: 1k, wall: 2h, refusals: 20 }
    on_limit: kill
  # Nobody reads the records of a whole clinic in a day.
  - id: records-a-day
    scope: agent
    period: day
    limits: { risk: 2k }
    on_limit: block
`

export const healthcareTemplates: readonly PolicyTemplate[] = [
  {
    name: 'hipaa_minimum_necessary',
    description:
      'Consent for each patient, fields by allow-list, hosts that may have records, a physician for treatment.',
    text: minimumNecessary,
  },
]
