import type { Command } from 'commander'
import type { Syntax } from '../../syntax.js'

/** Programs on strangers' machines. */
export function defineJobs({ program, define, group }: Syntax): void {
  buying(
    define(
      program,
      'run <module> [args...]',
      "run a WebAssembly program on strangers' machines, and pay for what it uses",
      'run job.wasm --in data --out result --max "100 sat" -- --level 9',
      () => import('./run.js')
    )
  )
    .option('--out <dir>', 'write what it leaves under /out to')
    .option('--max <amount>', 'most to pay for it, over all providers', '100 sat')
    .option('--max-price <price>', 'highest price (default: any)')
    .option('--map <pattern>', 'one job for each file; {} in ARGS is its path')
    .option('--parallel <n>', 'with --map: jobs at the same time', '4')
    .option('--no-stdin', 'leave our standard input alone')
    .option('--local', 'run it on this machine: the same fuel and hash, nothing paid')

  define(program, 'jobs', 'show the jobs that were bought', 'jobs --watch', () => import('./jobs.js')).option(
    '--watch',
    'print it again whenever it changes'
  )
  const job = group('job', 'one job: show it, or stop it', 'job show 8kc1pyjd')
  define(
    job,
    'show <id>',
    'show how a job stands, and what each provider did',
    'job show 8kc1pyjd',
    () => import('./job-show.js')
  )
  define(
    job,
    'cancel <id>',
    'stop a job; what it used until then is paid',
    'job cancel 8kc1pyjd',
    () => import('./job-cancel.js')
  )
}

/** What a job is, for whoever runs it. */
export function buying(command: Command): Command {
  return command
    .option('--in <path>', 'a folder whose files it finds under /in, or one file')
    .option('--force', 'overwrite different files that are in the way')
    .option('--verify <n|auto>', 'run it at so many providers, and compare', '1')
    .option('--limit <name=value,...>', 'wall, cpu, memory, output, stdout, stderr, inodes')
    .option('--seed <text>', 'where its randomness comes from (default: the job)')
}
