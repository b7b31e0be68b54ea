// The only list of wallets, one line each.
export { cln } from './cln/descriptor.js'
export { play } from './play/descriptor.js'
