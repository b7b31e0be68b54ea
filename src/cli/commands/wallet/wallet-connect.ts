import { BushelError } from '../../../../contracts/errors/error.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { connectWallet, consentOf, probeWallet } from '../../../daemon/connecting.js'
import type { Connecting } from '../../../daemon/connecting.js'
import { findBackend, walletBackends } from '../../../lightning/registry.js'
import { demandYes } from '../../input/consent.js'
import { connectExample, walletOptions } from '../../input/wallet-options.js'
import { typedSettings } from '../../input/wallet-settings.js'
import type { Action } from '../../invocation.js'
import { facts } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

/** Its options depend on the kinds of wallet that are registered. */
export const syntax: CommandSyntax = {
  usage: 'wallet connect',
  summary: 'connect a wallet: the embedded play money, or your Lightning node',
  example: connectExample(),
  argument: { name: '<backend>', help: 'kind of wallet', choices: walletBackends().map(({ id }) => id) },
  options: { ...walletOptions(), '--accept-real-money': 'consent to real money without being asked' },
  live: true
}

const LIMITS = 'at most 10 000 sat a deal, 20 000 sat a peer and 50 000 sat a day (bushel wallet limits)'

/** Connects the home to a wallet. */
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
        ? `would connect the embedded ${backend.title} wallet`
        : `connected: the embedded ${backend.title} wallet`
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
    `${dryRun ? 'would connect' : 'connected'}: ${backend.title} '${alias}' on ${network}`,
    ...facts([
      ['can send', formatAmount(spendableMsat)],
      ['can receive', formatAmount(receivableMsat)],
      ['limits', LIMITS]
    ]),
    ...(syncing ? [`it cannot pay yet: ${syncing}`] : [])
  ])
}

/** Asks the owner once for consent to real money. Throws CONSENT_NEEDED without it. */
async function demandConsent(
  accepted: boolean,
  { alias, network, spendableMsat }: Connecting
): Promise<void> {
  if (accepted) return
  const refused = new BushelError(
    'CONSENT_NEEDED',
    `this node is on ${network}: its sats are real money; nothing was changed`,
    `consent with --accept-real-money; it pays ${LIMITS}`
  )
  const question =
    `'${alias}' is on ${network}: real money. It can send ${formatAmount(spendableMsat)}; Bushel pays ${LIMITS}.\n` +
    'Type yes to connect it: '
  await demandYes(question, refused)
}
