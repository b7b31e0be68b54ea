/** The module is not one that is run for others; the message is one line that says why. */
export class ModuleRefused extends Error {
  override name = 'ModuleRefused'
}
