// Builds dist/ (installing first what is missing).
import { ready } from './ready.js'

ready()
