/** What controls of ISO standards and of HIPAA ask for, in our own few words, and what stays with the operator. */
import type { Article } from './articles-europe.ts'

export const standardArticles: Readonly<Record<string, Article>> = {
  'iso-42001/A.4.4': {
    asks: 'The tools that an AI system uses are known and documented.',
    remains:
      'Entries show which tools, hosts and models agents called. A list of what they should be is the operator’s.',
  },
  'iso-42001/A.5.2': {
    asks: 'Consequences of AI systems for people and society are assessed by a process.',
    remains: 'Decisions carry the risk level of an action. The assessment itself is not made here.',
  },
  'iso-42001/A.6.2.6': {
    asks: 'Operation and monitoring are defined: performance, errors, repair and updates.',
    remains:
      'Budgets, alerts and halts show how agents are watched at the border, not how well a model works.',
  },
  'iso-42001/A.6.2.8': {
    asks: 'It is decided when event logs are kept, and they are kept at least while the system is in use.',
    remains:
      'The ledger logs calls through the gate. Logs of training, and of what does not pass it, are elsewhere.',
  },
  'iso-42001/A.8.4': {
    asks: 'There is a plan for telling users and others of incidents.',
    remains:
      'Halts and refusals say when something happened; whom to tell of it is the operator’s plan.',
  },
  'iso-42001/A.9.2': {
    asks: 'Processes for responsible use are defined and documented.',
    remains:
      'Versions of the policy and approvals are shown. Whether the policy is a responsible one is not a number.',
  },
  'iso-42001/A.9.4': {
    asks: 'The system is used as intended and as documented.',
    remains:
      'What no rule allows is refused. Use within an allowed call is seen as far as decoders reach.',
  },
  'iso-27001/A.5.14': {
    asks: 'Rules, procedures or agreements protect information that is transferred.',
    remains:
      'Transfers by agents are judged and searched. Agreements with recipients are not seen.',
  },
  'iso-27001/A.5.15': {
    asks: 'Rules control physical and logical access by what the business needs.',
    remains:
      'Logical access of agents to hosts and actions is shown; people’s access and doors are not.',
  },
  'iso-27001/A.5.28': {
    asks: 'Evidence of security events is identified, collected and preserved by a procedure.',
    remains:
      'The chain shows changes and a head kept elsewhere shows a rewrite. The procedure around it is the operator’s.',
  },
  'iso-27001/A.8.2': {
    asks: 'Privileged access rights are limited and managed.',
    remains:
      'Actions that want a person’s yes are shown. Credentials are set by the gate, which no entry counts.',
  },
  'iso-27001/A.8.12': {
    asks: 'Measures against leakage of data are applied where sensitive data is handled.',
    remains:
      'Findings are those of patterns, in what the gate could read; an opaque tunnel is not read.',
  },
  'iso-27001/A.8.15': {
    asks: 'Activities, faults and events are logged, and logs are stored, protected and analysed.',
    remains: 'Logging and protection are shown; that somebody reads and analyses the log is not.',
  },
  'iso-27001/A.8.16': {
    asks: 'Networks, systems and applications are monitored for unusual behaviour, and incidents are evaluated.',
    remains: 'Alerts, spikes and new hosts are told; the evaluation is by people.',
  },
  'iso-27001/A.8.20': {
    asks: 'Networks and their devices are secured and controlled.',
    remains:
      'The gate controls what is routed to it; that nothing goes around it needs a boundary in the network.',
  },
  'iso-27001/A.8.23': {
    asks: 'Access to external websites is managed, against malicious content.',
    remains:
      'Hosts are allowed or refused by the policy. What an allowed site serves is judged by little.',
  },
  'iso-27001/A.8.32': {
    asks: 'Changes to facilities and systems go through change management.',
    remains:
      'Each policy that came into force is recorded under its digest. Who approved the change is in no entry.',
  },
  'hipaa/164.308(a)(1)': {
    asks: 'Policies and procedures prevent, detect, contain and correct security violations, risk analysis included.',
    remains: 'Policies of the gate and their effect are shown. The risk analysis is the entity’s.',
  },
  'hipaa/164.308(a)(4)': {
    asks: 'Access to electronic protected health information is authorised by policies and procedures.',
    remains: 'Decisions on calls of agents are shown; access of staff by other ways is not.',
  },
  'hipaa/164.312(a)(1)': {
    asks: 'Only persons and programs with granted rights have access to systems with health information.',
    remains:
      'Agents are told apart by tokens, and judged by rules. The systems behind keep their own controls.',
  },
  'hipaa/164.312(b)': {
    asks: 'Mechanisms record and examine activity in systems that contain or use health information.',
    remains:
      'The ledger records; examining it regularly is the entity’s work. Activity inside the systems is theirs.',
  },
  'hipaa/164.312(c)(1)': {
    asks: 'Health information is protected from improper alteration or destruction.',
    remains:
      'The integrity of the ledger is shown, and refusals of changes that no rule allows; not that of records elsewhere.',
  },
  'hipaa/164.312(d)': {
    asks: 'It is verified that whoever seeks access is the one claimed.',
    remains:
      'A decision has the fingerprint of the token that was shown. Who holds a token is not seen.',
  },
  'hipaa/164.312(e)(1)': {
    asks: 'Health information is guarded against unauthorised access while it is transmitted.',
    remains:
      'Shown are inspected connections, whose certificates were verified. Opaque tunnels are encrypted by their ends.',
  },
  'hipaa/164.502(b)': {
    asks: 'No more than the minimum necessary is used, disclosed or requested.',
    remains:
      'Checks of the domain compare fields with the purpose that was stated. Whether the purpose was true is not seen.',
  },
  'hipaa/164.508': {
    asks: 'Uses and disclosures beyond the permitted ones need a valid authorisation.',
    remains: 'Signed statements are verified and bound to a call; their wording is not read.',
  },
  'hipaa/164.528': {
    asks: 'A person can have an accounting of disclosures of the last six years.',
    remains:
      'Entries hold opaque ids, hosts and times. Which person an id is, only the entity knows.',
  },
}
