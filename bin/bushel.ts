#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { main } from '../src/cli/main.js'

// A small heap through which large blocks pass: by default it would be collected at every 8 MB of them, which takes a
// third of a transfer's time.
setFlagsFromString('--heap-growing-percent=200')
await main()
