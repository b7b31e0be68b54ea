import { message } from '../deal/methods.js'

/** The messages of a job. They are answered from its record, so that a repeated request gets the same bytes. */
export const COMPUTE_MESSAGES = {
  jobProgress: message('agreement-reference', 'job-progress', { replyBytes: 16 << 10 }),
  jobReveal: message('agreement-reference', 'signed-job-statement', { replyBytes: 4 << 10 }),
  jobFinal: message('agreement-reference', 'job-due', { replyBytes: 8 << 10 }),
  jobKey: message('paid', 'signed-job-key'),
  jobCancel: message('agreement-reference', 'acknowledgement')
} as const

type ComputeMessages = typeof COMPUTE_MESSAGES

declare module '../deal/methods.js' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the types of the messages of compute
  interface Methods extends ComputeMessages {}
}
