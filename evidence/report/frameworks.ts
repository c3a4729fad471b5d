/** Which frameworks a report can be about: those whose controls have a text here. */
export const reportFrameworks = [
  'eu-ai-act',
  'iso-42001',
  'iso-27001',
  'hipaa',
  'gdpr',
  'mifid-ii',
] as const

export type ReportFramework = (typeof reportFrameworks)[number]
