import { createInterface } from 'node:readline/promises'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { connectWallet, consentOf, probeCln } from '../../../daemon/connecting.js'
import type { Connecting } from '../../../daemon/connecting.js'
import { absolutePath } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { facts } from '../../output/table.js'

const LIMITS = 'at most 10 000 sat a deal, 20 000 sat a peer and 50 000 sat a day (bushel wallet limits)'

/** Settles which wallet the home deals with. */
export const run: Action = async ({ access, dryRun, output }, [backend], options) => {
  if (backend === 'play') {
    const network = await connectWallet(access, { backend: 'play' }, dryRun)
    output.print({ backend, network, dryRun }, () =>
      dryRun ? 'the embedded play wallet would be used' : 'the embedded play wallet is used from now on'
    )
    return
  }
  const socket = text(options, 'socket')
  if (socket === undefined)
    throw new BushelError(
      'BAD_INPUT',
      'where is the node? nothing was changed',
      'give --socket, such as ~/.lightning/bitcoin/lightning-rpc'
    )
  const before = await consentOf(access)
  const found = await probeCln(absolutePath(socket))
  const real = found.network === 'bitcoin'
  if (real && !dryRun && before === null) await demandConsent(options['acceptRealMoney'] === true, found)
  const consented = real ? (before ?? Date.now()) : null
  if (found.choice.backend === 'cln') await connectWallet(access, { ...found.choice, consented }, dryRun)
  const { network, alias, syncing, spendableMsat, receivableMsat, choice } = found
  const result = {
    backend,
    network,
    alias,
    nodeId: choice.backend === 'cln' ? choice.nodeId.toString('hex') : '',
    spendableMsat: spendableMsat.toString(),
    receivableMsat: receivableMsat.toString(),
    syncing,
    dryRun
  }
  output.print(result, () => [
    `${dryRun ? 'would be connected' : 'connected'}: Core Lightning '${alias}' on ${network}`,
    ...facts([
      ['can send', formatAmount(spendableMsat)],
      ['can receive', formatAmount(receivableMsat)],
      ['limits', LIMITS]
    ]),
    ...(syncing ? [`it does not pay yet: ${syncing}`] : [])
  ])
}

/** Real money is dealt with only by whoever said so, once. */
async function demandConsent(accepted: boolean, { alias, spendableMsat }: Connecting): Promise<void> {
  if (accepted) return
  const refused = new BushelError(
    'CONSENT_NEEDED',
    'this node is on bitcoin: its sats are real money; nothing was changed',
    `agree with --accept-real-money; ${LIMITS}`
  )
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw refused
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await prompt.question(
      `'${alias}' is on bitcoin: real money. It can send ${formatAmount(spendableMsat)}; Bushel pays ${LIMITS}.\n` +
        'Type yes to deal with it: '
    )
    if (answer.trim().toLowerCase() !== 'yes') throw refused
  } finally {
    prompt.close()
  }
}
