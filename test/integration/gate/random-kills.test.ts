import { testRandomKills } from '../../world/gate/random-kills.js'

// test/system/gate/ has many more.
testRandomKills(10)
