/** What the domain healthcare declares of itself. */
import type { ActionType, DomainConfig } from '../domain.ts'

const action = (
  name: string,
  terms: Pick<ActionType, 'category' | 'riskLevel' | 'description' | 'requires'>,
): ActionType => ({ ...terms, name, requiresHumanApproval: terms.category === 'treatment' })

export const healthcareConfig: DomainConfig = {
  name: 'healthcare',
  version: '1',
  description: 'Records of patients, and what is done to patients.',
  actors: [
    { name: 'act_agent', description: 'A program that acts by itself' },
    { name: 'act_clinical_assistant', description: 'An agent that works for clinicians' },
    { name: 'act_patient_assistant', description: 'An agent that works for patients' },
    { name: 'act_billing', description: 'An agent that works for payment' },
  ],
  actions: [
    action('axn_read_record', {
      description: 'Read fields of the record of one patient',
      category: 'read',
      riskLevel: 3,
      requires: ['patient_id', 'fields'],
    }),
    action('axn_search_patients', {
      description: 'Find patients, at most so many',
      category: 'read',
      riskLevel: 3,
      requires: ['fields', 'limit'],
    }),
    action('axn_write_record', {
      description: 'Write fields of the record of one patient',
      category: 'write',
      riskLevel: 4,
      requires: ['patient_id', 'fields'],
    }),
    action('axn_share_record', {
      description: 'Send fields of the record of one patient to others',
      category: 'share',
      riskLevel: 5,
      requires: ['patient_id', 'fields'],
    }),
    action('axn_prescribe', {
      description: 'Prescribe to a patient, once a physician agrees',
      category: 'treatment',
      riskLevel: 5,
      requires: ['patient_id'],
    }),
    action('axn_treat', {
      description: 'Order or change a treatment, once a physician agrees',
      category: 'treatment',
      riskLevel: 5,
      requires: ['patient_id'],
    }),
  ],
  resources: [
    { name: 'res_patient', description: 'A patient, by patient_id', sensitivity: 'confidential' },
    { name: 'res_record', description: 'A medical record', sensitivity: 'confidential' },
    { name: 'res_prescription', description: 'A prescription', sensitivity: 'confidential' },
    { name: 'res_treatment', description: 'A treatment', sensitivity: 'confidential' },
    { name: 'res_directory', description: 'A directory of patients', sensitivity: 'confidential' },
  ],
  frameworks: ['hipaa', 'gdpr', '21-cfr-11', 'iso-13485', 'eu-ai-act'],
  riskModels: [],
  parameters: [
    {
      name: 'fields',
      kind: 'table',
      description: 'Minimum necessary: for each action, the names of fields that it may touch',
      fallback: {},
    },
    {
      name: 'phi_hosts',
      kind: 'texts',
      description: 'Hosts that may be sent what identifies patients: a.example.com, *.example.com',
      fallback: [],
    },
    {
      name: 'purposes',
      kind: 'texts',
      description: 'What the fact purpose may be',
      fallback: ['treatment', 'payment', 'operations'],
    },
    {
      name: 'physicians',
      kind: 'texts',
      description: 'Approvers, or groups of them, one of whom agrees to a treatment',
      fallback: ['physician'],
    },
    {
      name: 'search_max',
      kind: 'integer',
      description: 'Patients that one search may find',
      fallback: 50,
    },
    {
      name: 'content_max',
      kind: 'integer',
      description: 'Characters of the fact content at most, where they are looked through',
      fallback: 65_536,
    },
  ],
}
