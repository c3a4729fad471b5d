/** A gRPC service that says what it hears, once and in a conversation, for the agent and its origin. */
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'

const method = (streams: boolean) => ({
  ...{ requestType: 'Text', requestStream: streams },
  ...{ responseType: 'Text', responseStream: streams },
  comment: '',
})

const loaded = loadPackageDefinition(
  fromJSON({
    nested: {
      Text: { fields: { text: { type: 'string', id: 1 } } },
      Echo: { methods: { Say: method(false), Chat: method(true) } },
    },
  }),
)

export const Echo = loaded['Echo'] as ServiceClientConstructor
