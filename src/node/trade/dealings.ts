interface Sides {
  buyer: { device: Buffer }
  provider: { device: Buffer }
}

/** True when the other side of an agreement, in which this node has a role, is the device. */
export function isWith(device: Buffer, role: 'buyer' | 'provider', { buyer, provider }: Sides): boolean {
  return (role === 'buyer' ? provider : buyer).device.equals(device)
}
