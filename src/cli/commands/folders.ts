/**
 * The folders of commands in the order of the help, each with its heading there. Every file in them is a command, or two
 * that share their code, and has its syntax; the build lists them in `commands.json`.
 */
export const FOLDERS = {
  node: 'Node:',
  market: 'Markets:',
  orders: 'Orders:',
  storage: 'Storage:',
  jobs: 'Jobs:',
  wallet: 'Wallet and ledger:'
}
