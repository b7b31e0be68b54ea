import { createInterface } from 'node:readline/promises'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { connectWallet, consentOf, probeWallet } from '../../../daemon/connecting.js'
import type { Connecting } from '../../../daemon/connecting.js'
import { findBackend } from '../../../lightning/registry.js'
import { typedSettings } from '../../input/wallet-settings.js'
import type { Action } from '../../invocation.js'
import { facts } from '../../output/table.js'

const LIMITS = 'at most 10 000 sat a deal, 20 000 sat a peer and 50 000 sat a day (bushel wallet limits)'

/** Settles which wallet the home deals with. */
export const run: Action = async ({ access, dryRun, output }, [id], options) => {
  const backend = findBackend(id!)!
  const settings = typedSettings(backend, options)
  const before = await consentOf(access)
  const found = await probeWallet(access, backend, settings)
  const { realMoney } = found
  if (realMoney && !dryRun && before === null) await demandConsent(options['acceptRealMoney'] === true, found)
  const consented = realMoney ? (before ?? Date.now()) : null
  await connectWallet(access, { ...found.choice, consented }, dryRun)
  const { network, alias, nodeId, syncing, spendableMsat, receivableMsat } = found
  if (!nodeId) {
    output.print({ backend: id, network, dryRun }, () =>
      dryRun
        ? `the embedded ${backend.title} wallet would be used`
        : `the embedded ${backend.title} wallet is used from now on`
    )
    return
  }
  const result = {
    backend: id,
    network,
    alias,
    nodeId: nodeId.toString('hex'),
    spendableMsat: spendableMsat.toString(),
    receivableMsat: receivableMsat.toString(),
    syncing,
    dryRun
  }
  output.print(result, () => [
    `${dryRun ? 'would be connected' : 'connected'}: ${backend.title} '${alias}' on ${network}`,
    ...facts([
      ['can send', formatAmount(spendableMsat)],
      ['can receive', formatAmount(receivableMsat)],
      ['limits', LIMITS]
    ]),
    ...(syncing ? [`it does not pay yet: ${syncing}`] : [])
  ])
}

/** Real money is dealt with only by whoever said so, once. */
async function demandConsent(
  accepted: boolean,
  { alias, network, spendableMsat }: Connecting
): Promise<void> {
  if (accepted) return
  const refused = new BushelError(
    'CONSENT_NEEDED',
    `this node is on ${network}: its sats are real money; nothing was changed`,
    `agree with --accept-real-money; ${LIMITS}`
  )
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw refused
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await prompt.question(
      `'${alias}' is on ${network}: real money. It can send ${formatAmount(spendableMsat)}; Bushel pays ${LIMITS}.\n` +
        'Type yes to deal with it: '
    )
    if (answer.trim().toLowerCase() !== 'yes') throw refused
  } finally {
    prompt.close()
  }
}
