import { formatSize } from '../../../../contracts/money/quantity.js'
import { absolutePath } from '../../input/arguments.js'
import { oneCall, onNode } from '../../one-call.js'

/** Writes the file with which another device takes a mirror over. */
export const { syntax, run } = oneCall({
  usage: 'mirrors export <name> <file>',
  summary: 'write a file with which another device of yours can take a mirror over',
  example: 'mirrors export films films.mirror',
  options: { '--force': 'replace a file that is there' },
  call: onNode('mirrors.export'),
  params: ({ dryRun }, [mirror, file], options) => ({
    mirror: mirror!,
    file: absolutePath(file!),
    ...(options['force'] === true ? { force: true } : {}),
    dryRun
  }),
  text: ({ name, file, bytes, others }, { dryRun }) => [
    `${name} ${dryRun ? 'would be' : 'is'} in ${file} (${formatSize(bytes)}), which only your 24 words open`,
    'Keep it where a lost device cannot take it along. To take the mirror over on another device:',
    `bushel mirrors import ${file}`,
    ...(others.length > 0
      ? [`Mirrors at the same providers go over with it; export them too: ${others.join(', ')}`]
      : [])
  ]
})
