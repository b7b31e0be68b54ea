import { isIPv6 } from 'node:net'

/** What one owner may have many of: the network, of 48 bits, of an address as `addressOf` gives it; an IPv4 address itself. */
export function networkOf(address: string): string {
  return address.includes(':') ? address.split(':').slice(0, 3).join(':') : address
}

/**
 * The part of a network address that one owner usually has whole: an IPv4 address, or the first 64 bits of an IPv6 one.
 * Null for this machine itself, whose programs are not told apart by address.
 */
export function addressOf(host: string): string | null {
  const text = host.startsWith('::ffff:') && host.includes('.') ? host.slice('::ffff:'.length) : host
  if (text === '::1' || text === 'localhost' || /^127\./.test(text)) return null
  if (!isIPv6(text)) return text
  const [head = '', tail] = text.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? 0 : tail.split(':').length
    while (groups.length + after < 8) groups.push('0')
  }
  return groups
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')
}
