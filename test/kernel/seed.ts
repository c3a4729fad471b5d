/**
 * The one seed of a test run: printed by each file that uses it. It is fixed, so that what a merge waits for
 * does not depend on luck; HALTGATE_SEED=random draws another, and HALTGATE_SEED=N repeats one.
 */

import fc from 'fast-check'

const asked = process.env['HALTGATE_SEED'] ?? '20261121'

export const seed = asked === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(asked)

fc.configureGlobal({ seed })

export const seedSentence = `HALTGATE_SEED=${seed} repeats this run`
