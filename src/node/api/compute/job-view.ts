import { formatKey } from '../../../../contracts/keys/key.js'
import { nameOf } from '../../../base/states.js'
import type { JobView, ProviderView } from '../../../compute/buyer/run/run-types.js'
import type { JobEntry, JobProvider } from './job-fields.js'

/** A run as the API shows it. */
export function jobEntry(view: JobView): JobEntry {
  const { id, name, created, state, status, exitCode, hash } = view
  return {
    id: formatKey(id),
    name,
    created,
    state: nameOf(state),
    status,
    exitCode,
    fuel: view.fuel.toString(),
    hash,
    kept: view.isKept,
    paidMsat: view.paidMsat.toString(),
    providers: view.providers.map(jobProvider)
  }
}

export function jobProvider({ fuel, paidMsat, ...view }: ProviderView): JobProvider {
  return { ...view, fuel: fuel.toString(), paid: paidMsat.toString() }
}
