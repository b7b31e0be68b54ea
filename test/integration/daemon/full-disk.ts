/**
 * Writes lines to a log file until the system takes no more (its parent limits how long a file may get), then makes room, as
 * on a disk, and goes on. Says what was told of it.
 */
import { statSync, truncateSync } from 'node:fs'
import { LogFile } from '../../../src/daemon/log/log-file.js'

const file = process.argv[2]!
let failures = 0
const log = new LogFile(file, { onfailed: () => failures++ })
const line = (n: number): string => JSON.stringify({ n, text: 'x'.repeat(1000) }) + '\n'
let n = 0
while (!log.failing) log.write(line(n++))
const full = statSync(file).size
for (let more = 0; more < 5; more++) log.write(line(n++))
const failedOnce = failures
truncateSync(file, full - 1500) // in the middle of a line
log.write(line(n))
log.close()
process.stdout.write(JSON.stringify({ full, failedOnce, failures, last: n }) + '\n')
