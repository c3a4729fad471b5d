/** The one seed of a test run: printed by each file that uses it, and set by HALTGATE_SEED to repeat it. */

export const seed = Number(process.env['HALTGATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

export const seedSentence = `HALTGATE_SEED=${seed} repeats this run`
