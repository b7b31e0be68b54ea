import { parseLink } from '../../../../contracts/keys/link.js'
import { formatSize, parseSize } from '../../../../contracts/money/quantity.js'
import { absolutePath } from '../../input/arguments.js'
import { given, parsed } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'
import { count, facts } from '../../output/table.js'

/** Restores the files of a link from all providers at once; continues where it stopped. */
export const { syntax, run } = oneCall({
  usage: 'restore <link> <dest>',
  summary: 'restore the files of a link; continues where it stopped',
  example: 'restore bushel://... film.mkv',
  options: {
    '--force': 'overwrite different files that already exist',
    '--max-size <size>': 'refuse more than this (default: files far larger than the data of the link)'
  },
  call: onNode('restore'),
  params: ({ dryRun }, [link, path], options) => {
    parseLink(link!)
    const maxSize = parsed(options, 'maxSize', parseSize)
    const dest = absolutePath(path!)
    return { ...given({ maxSize }), link: link!, dest, force: options.force === true, dryRun }
  },
  isPart: ({ leftOut }) => leftOut > 0,
  text: ({ files, bytes, seconds, path, sha256, leftOut }, { dryRun }) =>
    dryRun
      ? `would restore to ${path}`
      : facts([
          ['restored', `${count(files, 'file', 'files')}, ${formatSize(bytes)}, in ${seconds.toFixed(1)} s`],
          ['at', path],
          ...(leftOut > 0 ? [['left out', `${leftOut}, as said above`] as [string, string]] : []),
          ['sha256', sha256]
        ])
})
