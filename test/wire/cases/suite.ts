/** Every topic of the suite, in the order in which they are run. */
import type { Topic } from '../case.ts'
import { authority } from './authority.ts'
import { clients } from './clients.ts'
import { floods } from './floods.ts'
import { messages } from './messages.ts'
import { paths } from './paths.ts'
import { responses } from './responses.ts'
import { smuggling } from './smuggling.ts'
import { ssrf } from './ssrf.ts'
import { streams } from './streams.ts'
import { tunnels } from './tunnels.ts'
import { websocket } from './websocket.ts'

export const suite: readonly Topic[] = [
  ...[authority, paths, ssrf, messages, smuggling, responses],
  ...[tunnels, websocket, streams, clients, floods],
]
