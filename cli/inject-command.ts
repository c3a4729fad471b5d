/** `haltgate inject` and `haltgate uninject` as commands: which flags say what. */
import { type Command, Option } from 'commander'

type Given = Readonly<Record<string, unknown>>
type Finish = (work: Promise<number>) => Promise<void>

const load = (): Promise<typeof import('./inject.ts')> => import('./inject.ts')

/** finish  ends the process with the exit code of a command, and explains its failure. */
export function addInject(program: Command, finish: Finish): void {
  program
    .command('inject')
    .description('put a gate beside the agents of Kubernetes manifests, or of pods as they start')
    .addOption(filesOption())
    .option('--diff', 'print what would change, as diff -u does')
    .option('--image <name>', 'the image of the gate')
    .option('--rules-image <name>', 'an image with nft, which sets the rules of the pod’s network')
    .option('--agent <name>', 'the agent of pods that name none (local)')
    .option('--policy <configmap>', 'a ConfigMap with policies.yaml (haltgate-policy)')
    .option('--secret <name>', 'a Secret whose values the gate has as variables')
    .option('--ledger-claim <name>', 'a PersistentVolumeClaim for ledgers')
    .option('--transparent [port]', 'redirect TCP to 80 and 443 to the gate (3130)')
    .option('--allow-host-path', 'accept volumes of the node, which may hold a way out')
    .option('--require-user', 'refuse containers that do not say their user')
    .option('--webhook', 'answer the questions of an API server, over TLS')
    .option('--listen <host:port>', 'where (0.0.0.0:8443)')
    .option('--tls-cert <file>', 'the webhook’s certificate; read again when it changes')
    .option('--tls-key <file>', 'and its key')
    .option('--log-level <level>', 'trace to fatal, or silent')
    .option('--make-certificate <dir>', 'write ca.crt, tls.crt and tls.key for the webhook')
    .option('--name <dns>', 'the name in it (haltgate-inject.haltgate.svc)')
    .action((flags: Given) => finish(load().then((room) => room.inject(flags, surroundings()))))
  program
    .command('uninject')
    .description('give injected manifests back as they were')
    .addOption(filesOption())
    .option('--diff', 'print what would change, as diff -u does')
    .action((flags: Given) => finish(load().then((room) => room.uninject(flags, surroundings()))))
}

const filesOption = (): Option =>
  new Option(
    '-f, --file <file...>',
    'manifests; - for what comes in, which is read if none is named',
  )

function surroundings(): Parameters<typeof import('./inject.ts').uninject>[1] {
  return {
    write: (text) => {
      process.stdout.write(text)
    },
    print: (sentence) => {
      process.stderr.write(`${sentence}\n`)
    },
    now: Date.now(),
  }
}
