/**
 * A kind of router, by how it maps the ports of those behind it. `forwarded`: all UDP from outside goes to one host.
 * `cone`: a port outside is the port inside, for all destinations, while it is free. `symmetric`: a random port for each
 * destination. `no UDP`: nothing but TCP passes.
 */
export type Router = 'forwarded' | 'cone' | 'symmetric' | 'no UDP'

const MASQUERADE: Record<Router, string> = {
  forwarded: 'masquerade persistent',
  cone: 'masquerade persistent',
  symmetric: 'masquerade fully-random',
  'no UDP': 'masquerade persistent'
}

/**
 * The rules of a router in the language of nft: what is inside is translated to the address of `wan`; from outside only
 * answers come in, which also means that nobody inside reaches another inside by the address outside (no hairpin).
 */
export function rules(router: Router, { wan, host }: { wan: string; host: string | null }): string {
  const forwarded = router === 'forwarded' && host !== null
  return `
table ip nat {
  chain out {
    type nat hook postrouting priority 100
    oifname "${wan}" ${MASQUERADE[router]}
  }
  chain in {
    type nat hook prerouting priority -100
    ${forwarded ? `iifname "${wan}" meta l4proto udp dnat to ${host}` : ''}
  }
}
table ip filter {
  chain own {
    type filter hook input priority 0
    iifname "${wan}" ct state established,related accept
    iifname "${wan}" icmp type echo-request accept
    iifname "${wan}" drop
  }
  chain through {
    type filter hook forward priority 0
    ${router === 'no UDP' ? 'meta l4proto udp drop' : ''}
    ct state established,related accept
    ${forwarded ? `iifname "${wan}" ct status dnat accept` : ''}
    iifname "${wan}" drop
  }
}
`
}
