/** The module cannot be metered; the message is one line with the reason. */
export class ModuleRefused extends Error {
  override name = 'ModuleRefused'
}
