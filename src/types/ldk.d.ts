/** All of lightningdevkit in one module, which `scripts/ldk.js` writes. */
declare module '#ldk' {
  export * from 'lightningdevkit'
  export { CommonBase } from 'lightningdevkit/structs/CommonBase.mjs'
}
