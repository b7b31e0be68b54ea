import type { Command } from 'commander'
import { watchable } from '../../syntax.js'
import type { Syntax } from '../../syntax.js'

/** Defines the commands for jobs. */
export function defineJobs({ program, define, group }: Syntax): void {
  buying(
    define(
      program,
      'run <module> [args...]',
      "run a WebAssembly program on strangers' machines; pays for what it uses",
      'run job.wasm --in data --out result --max "100 sat" -- --level 9',
      () => import('./run.js')
    )
  )
    .option('--out <dir>', 'folder for the files that it writes to /out')
    .option('--max <amount>', 'most to pay, over all providers', '100 sat')
    .option('--offer <price>', 'price to open with (default: take the price of the provider)')
    .option('--max-price <price>', 'highest price (default: any)')
    .option('--map <pattern>', 'one job for each matching file; {} in ARGS is its path')
    .option('--parallel <n>', 'with --map: number of jobs at the same time', '4')
    .option('--no-stdin', 'do not read standard input')
    .option('--local', 'run it on this machine: same fuel and hash, nothing paid')

  watchable(
    define(program, 'jobs', 'list the jobs that were bought', 'jobs --watch', () => import('./jobs.js'))
  )
  const job = group('job', 'show or cancel one job', 'job show 8kc1pyjd')
  define(
    job,
    'show <id>',
    'show the state of a job and what each provider did',
    'job show 8kc1pyjd',
    () => import('./job-show.js')
  )
  define(
    job,
    'cancel <id>',
    'cancel a job; what it used so far stays paid',
    'job cancel 8kc1pyjd',
    () => import('./job-cancel.js')
  )
}

/** Adds the options that define a job, for `run` and `bid compute`. */
export function buying(command: Command): Command {
  return command
    .option('--in <path>', 'its input under /in: a folder, or one file')
    .option('--force', 'overwrite different files that already exist')
    .option('--verify <n|auto>', 'number of providers that run it, for comparison', '1')
    .option('--limit <name=value,...>', 'wall, cpu, memory, output, stdout, stderr, inodes')
    .option('--seed <text>', 'seed of its random numbers (default: the job)')
}
