/**
 * Tells a webhook of everything that waits for a person: at least once, signed, and never in the way of a decision.
 * What it cannot tell is logged and counted; an approval that is over is no longer told.
 */
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ApprovalView } from '../gate/approval-view.ts'
import type { ApprovalNotice } from '../gate/approvals.ts'
import type { Clock } from '../gate/ports.ts'
import { UsageError } from './settings.ts'

/** So many notices wait at once: as many as approvals can be open. What comes on top is not told. */
export const noticesMax = 1_000

const timeoutMs = 10_000
const firstRetryMs = 1_000
const longestRetryMs = 300_000

export interface NoticeOptions {
  /** Where it is posted. */
  readonly url: URL
  /** Signs what is posted; empty: nothing is signed. */
  readonly secret: string
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly log: (level: 'info' | 'warn', fields: object, message: string) => void
  /** Posts once: the status, or a rejection. */
  readonly post?: Post
}

/** One try: resolves with the status of the answer, rejects where there was none. */
export type Post = (
  url: URL,
  message: { readonly body: string; readonly headers: Readonly<Record<string, string>> },
) => Promise<number>

interface Waiting {
  readonly view: ApprovalView
  tries: number
  cancel: (() => void) | null
}

export class Notices {
  readonly #options: NoticeOptions
  readonly #post: Post
  readonly #waiting = new Map<string, Waiting>()
  #failures = 0
  #lost = 0
  #closed = false

  constructor(options: NoticeOptions) {
    this.#options = options
    this.#post = options.post ?? posted
  }

  /** Tries that failed, and approvals that nobody was told of. */
  get counts(): { readonly failures: number; readonly lost: number; readonly waiting: number } {
    return { failures: this.#failures, lost: this.#lost, waiting: this.#waiting.size }
  }

  /** What the gate tells (CoreOptions.onApproval): asked for, answered or over. Never throws, never waits. */
  readonly tell = ({ id, state, view }: ApprovalNotice): void => {
    if (state !== 'pending' || view === null) this.#forget(id)
    else this.#add(view)
  }

  /** At the start: everything that waits is told again, since nobody knows who heard of it. */
  begin(views: readonly ApprovalView[]): void {
    for (const view of views) if (view.state === 'pending') this.#add(view)
  }

  /** Tells no more; what was not told is told by the next start. */
  close(): void {
    this.#closed = true
    for (const id of [...this.#waiting.keys()]) this.#forget(id)
  }

  #add(view: ApprovalView): void {
    if (this.#closed || this.#waiting.has(view.id)) return
    if (this.#waiting.size >= noticesMax) {
      this.#lost += 1
      this.#options.log('warn', { approval: view.id }, 'too many notices wait: one is not told')
      return
    }
    const waiting: Waiting = { view, tries: 0, cancel: null }
    this.#waiting.set(view.id, waiting)
    // In a turn of its own: whoever decided is not kept.
    waiting.cancel = this.#options.clock.after(0, () => this.#try(waiting))
  }

  #forget(id: string): void {
    this.#waiting.get(id)?.cancel?.()
    this.#waiting.delete(id)
  }

  #try(waiting: Waiting): void {
    waiting.cancel = null
    waiting.tries += 1
    const { clock, secret, url } = this.#options
    const body = JSON.stringify(noticeOf(waiting.view))
    const headers = { 'content-type': 'application/json', ...signed(secret, body, clock.now()) }
    this.#post(url, { body, headers }).then(
      (status) => this.#answered(waiting, status),
      (error: unknown) => this.#failed(waiting, sentenceOf(error)),
    )
  }

  #answered(waiting: Waiting, status: number): void {
    if (status >= 200 && status < 300) this.#forgetThis(waiting)
    else this.#failed(waiting, `it answered ${status}`)
  }

  #failed(waiting: Waiting, why: string): void {
    this.#failures += 1
    const { id } = waiting.view
    // Answered or over while it was told, or the gate ends.
    if (this.#waiting.get(id) !== waiting) return
    const retryMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(20, waiting.tries - 1))
    const fields = { approval: id, tries: waiting.tries, retry_ms: retryMs, error: why }
    this.#options.log('warn', fields, 'the notice of an approval was not taken')
    waiting.cancel = this.#options.clock.after(retryMs, () => this.#try(waiting))
  }

  #forgetThis(waiting: Waiting): void {
    if (this.#waiting.get(waiting.view.id) === waiting) this.#waiting.delete(waiting.view.id)
  }
}

/**
 * Where notices go, and what signs them; null where they go nowhere.
 *
 * errors  UsageError: a URL that is none, or a secret that cannot be read.
 */
export function noticeTarget(
  text: string | null,
  environment: Readonly<Record<string, string | undefined>>,
): Pick<NoticeOptions, 'url' | 'secret'> | null {
  if (text === null || text === '') return null
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new UsageError(`--notify-url is an http or https URL, not '${text}'`)
  }
  const file = environment['HALTGATE_NOTIFY_SECRET_FILE'] ?? ''
  if (file === '') return { url, secret: environment['HALTGATE_NOTIFY_SECRET'] ?? '' }
  try {
    return { url, secret: readFileSync(file, 'utf8').trim() }
  } catch (error) {
    throw new UsageError(`HALTGATE_NOTIFY_SECRET_FILE: ${sentenceOf(error)}`)
  }
}

/** The message: what a person needs to answer it, and nothing of a body. */
function noticeOf(view: ApprovalView): object {
  const { askedAt, expiresAt, wantedBy, ...rest } = view
  const asked = new Date(askedAt).toISOString()
  const expires = new Date(expiresAt).toISOString()
  return { type: 'approval.asked', approval: { ...rest, wanted_by: wantedBy, asked, expires } }
}

/** `t=SECONDS,v1=HEX`: HMAC-SHA-256 over the instant, a dot and the body, so that an old one cannot be sent again. */
export function signed(secret: string, body: string, nowMs: number): Record<string, string> {
  if (secret === '') return {}
  const seconds = Math.floor(nowMs / 1000)
  const code = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return { 'haltgate-signature': `t=${seconds},v1=${code}` }
}

const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Follows no redirect and reads no answer. */
const posted: Post = async (url, { body, headers }) => {
  // Loaded with the first notice: a gate that tells nobody does without.
  const { Agent, request } = await import('undici')
  const dispatcher = new Agent({ pipelining: 0, connect: { timeout: timeoutMs } })
  const timeouts = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  try {
    const answer = await request(url, { method: 'POST', headers, body, dispatcher, ...timeouts })
    return answer.statusCode
  } finally {
    await dispatcher.destroy()
  }
}
