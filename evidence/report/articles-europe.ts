/** What the articles of European law ask for, in our own few words, and what stays with whoever runs the gate. */

export interface Article {
  /** What it asks for; the text that binds is its publisher's. */
  readonly asks: string
  /** What the gate does not do, or only helps with. */
  readonly remains: string
}

export const europeanArticles: Readonly<Record<string, Article>> = {
  'eu-ai-act/art-9': {
    asks: 'A system of risk management over the whole life of a high-risk AI system, with measures that are tested.',
    remains:
      'The gate enforces measures that were chosen, and records them. Which risks there are and which measures are enough, it does not say.',
  },
  'eu-ai-act/art-10': {
    asks: 'Data for training, validation and testing that is governed, relevant and examined for bias.',
    remains:
      'The gate sees what leaves and arrives while agents run, and nothing of how a model was trained.',
  },
  'eu-ai-act/art-12': {
    asks: 'The system lets events be recorded automatically over its lifetime, so that risks and changes can be traced.',
    remains:
      'Recorded are the calls that pass the gate, not what a model did inside. How long records are kept is the operator’s choice.',
  },
  'eu-ai-act/art-13': {
    asks: 'Operation that is transparent enough for deployers to understand and use what the system gives out.',
    remains:
      'Each refusal says its reason and each decision its rule. Instructions for use are the provider’s to write.',
  },
  'eu-ai-act/art-14': {
    asks: 'People can effectively oversee the system while it is used: understand it, decide against it, and stop it.',
    remains:
      'Entries show that somebody with an approver’s token answered, and when; not who held the token, nor that the person understood what was asked.',
  },
  'eu-ai-act/art-15': {
    asks: 'Accuracy, robustness and cybersecurity that suit the purpose, against errors, faults and attacks.',
    remains:
      'The gate narrows what a misled agent can reach and spend. It measures no accuracy and hardens no model.',
  },
  'eu-ai-act/art-19': {
    asks: 'Providers keep the automatically generated logs that are under their control, for at least six months.',
    remains:
      'The ledger is never shortened by the gate; keeping and protecting its files is not its work.',
  },
  'eu-ai-act/art-26': {
    asks: 'Deployers use the system as instructed, assign oversight to competent people, monitor it and keep its logs.',
    remains:
      'Training of people, informing of workers and authorities, and impact assessments leave no entry here.',
  },
  'gdpr/art-5': {
    asks: 'The principles of processing, and in paragraph 2 accountability: whoever is responsible can demonstrate that they were kept.',
    remains:
      'Entries demonstrate which calls were judged and how. Purpose, necessity and legal ground are the controller’s to state.',
  },
  'gdpr/art-6': {
    asks: 'A legal ground for each processing of personal data.',
    remains:
      'Where a rule takes the ground as a fact, the decision shows what was claimed, not that it was so.',
  },
  'gdpr/art-7': {
    asks: 'The controller can demonstrate that the person consented, and consent can be withdrawn.',
    remains:
      'A signed statement of consent is verified and bound to the call; whether it was freely given is not seen.',
  },
  'gdpr/art-9': {
    asks: 'Special categories of data, such as health, are processed in the listed cases only.',
    remains: 'Detectors are patterns: that nothing was found does not mean that nothing was there.',
  },
  'gdpr/art-17': {
    asks: 'Personal data are erased without undue delay where a person has the right to it.',
    remains:
      'Erasures of what the gate itself keeps are entries, and the chain stays whole. What other systems hold they erase by themselves.',
  },
  'gdpr/art-22': {
    asks: 'Nobody is subject to a decision with legal or similar effects that is based on automation alone, beyond the listed cases.',
    remains:
      'Approvals show that a person was asked before an action. Whether it had such an effect is for the controller.',
  },
  'gdpr/art-25': {
    asks: 'Data protection by design, and by default only what is necessary.',
    remains:
      'The policy denies what no rule allows, and its versions are recorded. The design of everything else is not.',
  },
  'gdpr/art-30': {
    asks: 'Records of processing activities: purposes, categories, recipients, transfers, time limits.',
    remains:
      'The ledger says which hosts received what kind of call. It is a source for the records, and not the record itself.',
  },
  'gdpr/art-32': {
    asks: 'Security that suits the risk: confidentiality, integrity, availability, and regular testing.',
    remains:
      'Shown are verified connections and payloads that were blocked or redacted. Disks, machines and people are outside.',
  },
  'gdpr/art-44': {
    asks: 'Transfers to third countries under the conditions of chapter V only.',
    remains:
      'A decision names the host and the addresses that were judged. In which country they stand it does not know.',
  },
  'mifid-ii/art-16': {
    asks: 'Sound organisation, and records of services, activities and transactions that let a supervisor check them.',
    remains:
      'The ledger records what agents sent to a venue or broker through the gate, and not what happened there.',
  },
  'mifid-ii/art-17': {
    asks: 'Whoever trades by algorithm has effective systems and risk controls, thresholds and limits, and prevents erroneous orders.',
    remains:
      'Limits, refusals and halts are shown for orders that pass the gate. Notification, testing and business continuity are not its work.',
  },
  'mifid-ii/rts-6-art-12': {
    asks: 'Kill functionality: as an emergency measure all unexecuted orders can be cancelled at once.',
    remains:
      'A halt stops every further order of its scope and cuts open connections. It cancels nothing that a venue already has.',
  },
  'mifid-ii/rts-6-art-13': {
    asks: 'Automated surveillance of all trading activity for signs of market manipulation.',
    remains:
      'Checks of the domain refuse some patterns, and every order is recorded. Surveillance across venues needs more.',
  },
  'mifid-ii/rts-6-art-15': {
    asks: 'Pre-trade controls on every order: price collars, maximum value, maximum volume, message limits, credit and position limits.',
    remains:
      'Controls are as good as the limits and tables in the policy; an order that goes around the gate meets none of them.',
  },
  'mifid-ii/rts-6-art-28': {
    asks: 'Records of orders in the prescribed content and format, kept for five years, by those who trade at high frequency.',
    remains:
      'The ledger has the call and the verdict with the time of this machine. The prescribed fields and clock accuracy are not here.',
  },
}
