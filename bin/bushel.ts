#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { main } from '../src/cli/main.js'

// Our heap is small and large blocks pass through it: by default V8 would collect garbage for every 8 MB of them. With more
// than this much garbage beside what lives, connections of strangers that come and go would take twice the memory.
setFlagsFromString('--heap-growing-percent=60')
await main()
