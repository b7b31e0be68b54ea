// Installs the dependencies if necessary, then builds dist/.
import { ready } from './ready.js'

ready()
