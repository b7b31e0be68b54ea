import * as ldk from '#ldk'
import { free } from './ldk.js'

/** The channels in which no payment is under way. */
export function idleChannels(manager: ldk.ChannelManager): { id: string; channel: ldk.ChannelId }[] {
  const idle: { id: string; channel: ldk.ChannelId }[] = []
  for (const details of manager.list_channels()) {
    if (!isBusy(details))
      idle.push({ id: String(details.get_user_channel_id()), channel: copyOf(details.get_channel_id()) })
    free(details, 'ChannelDetails')
  }
  return idle
}

/** An id that outlives the event or the details that it is part of. */
export function copyOf(id: ldk.ChannelId): ldk.ChannelId {
  return ldk.ChannelId.constructor_new(id.get_a())
}

function isBusy(details: ldk.ChannelDetails): boolean {
  const incoming = details.get_pending_inbound_htlcs()
  const outgoing = details.get_pending_outbound_htlcs()
  for (const htlc of incoming) free(htlc, 'InboundHTLCDetails')
  for (const htlc of outgoing) free(htlc, 'OutboundHTLCDetails')
  return incoming.length + outgoing.length > 0
}
