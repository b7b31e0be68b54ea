import { parseLink } from '../../../../contracts/keys/link.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import { absolutePath } from '../../input/arguments.js'
import type { Action } from '../../invocation.js'
import { count, facts } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'restore <link> <dest>',
  summary: 'restore the files of a link; continues where it stopped',
  example: 'restore bushel://... film.mkv',
  options: {
    '--force': 'overwrite different files that already exist'
  },
  calls: ['restore']
}

/** Restores the files of a link from all providers at once; continues where it stopped. */
export const run: Action = async ({ access, dryRun, output, context }, [link, dest], options) => {
  parseLink(link!)
  const params = { link: link!, dest: absolutePath(dest!), force: options.force === true, dryRun }
  const result = await withNode(access, node => node.call('restore', params, context))
  output.print(result, () =>
    dryRun
      ? `would restore to ${result.path}`
      : facts([
          [
            'restored',
            `${count(result.files, 'file', 'files')}, ${formatSize(result.bytes)}, in ${result.seconds.toFixed(1)} s`
          ],
          ['at', result.path],
          ['sha256', result.sha256]
        ])
  )
}
