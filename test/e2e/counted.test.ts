/** What a scrape says after a few requests is what happened to them. */
import { ask } from './wire.ts'
import { worldTest } from './world.ts'

worldTest(
  'a scrape counts each decision, how long it took, and what passed',
  {},
  async (t, world, origin) => {
    t.equal((await ask(world.port, `${origin.url}/a`)).status, 200)
    t.equal((await ask(world.port, `${origin.url}/b`)).status, 200)
    t.equal((await ask(world.port, 'http://elsewhere.test/')).status, 403)
    const text = await world.world.metrics.text()
    const value = (series: string): number => {
      const line = text.split('\n').find((one) => one.startsWith(`${series} `))
      return Number(line?.slice(series.length + 1) ?? Number.NaN)
    }
    t.equal(value('haltgate_admit_duration_seconds_count'), 3, 'each waited for its entry')
    t.equal(value('haltgate_decision_duration_seconds_count'), 3)
    t.ok(
      value('haltgate_admit_duration_seconds_sum') >
        value('haltgate_decision_duration_seconds_sum'),
      'durable is later than decided',
    )
    t.equal(value('haltgate_upstream_requests_total{status_class="2xx"}'), 2)
    t.equal(value('haltgate_holds_open'), 0)
  },
)
