// Every wallet that there is, one line each; nothing else lists them.
export { cln } from './cln/descriptor.js'
export { play } from './play/descriptor.js'
