import * as v from 'valibot'
import { count, decimal, fields, flag, fuel, key, maybe, msat, oneOf, said } from './schema.js'

const job = maybe(said("of a map: the name of the job's input"))
const provider = key('device of the provider')

/** What calls tell before their result, by the name of the event. */
export const EVENTS = {
  note: fields({ event: v.literal('note'), message: said('a line for people') }),
  progress: fields({
    event: v.literal('progress'),
    step: said('what is being done, one word'),
    done: decimal(0, Number.MAX_SAFE_INTEGER, 'how much is done, in `unit`'),
    total: decimal(0, Number.MAX_SAFE_INTEGER, 'how much there is to do, in `unit`; 0: not known yet'),
    unit: oneOf(['bytes', 'files', 'payments', 'orders'], 'unit of `done` and `total`')
  }),
  payment: fields({
    event: v.literal('payment'),
    lease: key('id of the lease that was paid for'),
    provider,
    installment: count('number of the installment, from 0'),
    of: count('installments of the lease'),
    msat: msat('amount'),
    feeMsat: msat('fee')
  }),
  output: fields({
    event: v.literal('output'),
    stream: oneOf(['stdout', 'stderr'], 'where the program printed it'),
    base64: said('what it printed, in portions, in order; base64'),
    job
  }),
  job: fields({
    event: v.literal('job'),
    provider,
    state: said('state of the job at this provider'),
    fuel: fuel('used so far'),
    job
  }),
  segment: fields({
    event: v.literal('segment'),
    provider,
    part: oneOf(['base', 'segment', 'rest'], 'what was paid'),
    installment: count('of a segment its number, from 1'),
    msat: msat('amount'),
    job
  }),
  mapped: fields({
    event: v.literal('mapped'),
    job: said("name of the job's input"),
    ok: flag('true: the program ended by itself with exit code 0'),
    done: count('jobs that have ended'),
    total: count('jobs of the map')
  })
}

export type EventName = keyof typeof EVENTS

/** One event of a call. */
export type Progress = { [E in EventName]: v.InferOutput<(typeof EVENTS)[E]> }[EventName]
