import { testRandomKills } from '../../world/gate/random-kills.js'

testRandomKills(Number(process.env['BUSHEL_GATE_KILLS'] ?? 200))
