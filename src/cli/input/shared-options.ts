/** Options that several commands have, by their flags. */

export const WATCH = { '--watch': 'print it again whenever it changes' }

/** Of a seller. */
export const FLOOR = {
  '--floor <price>': 'lowest price to agree to with a buyer that offers less; never shown to others'
}

/** Of a buyer that may also take the price of the provider. */
export const OFFER = { '--offer <price>': 'price to open with (default: take the price of the provider)' }

/** Of what is packed. */
export const EXCLUDE = {
  '--exclude <pattern>': {
    help: "leave out what matches, as in a .gitignore, such as '*.tmp'; may be repeated",
    repeated: true
  }
}

/** Of a bid, which always has a highest price. */
export const BID_OFFER = { '--offer <price>': 'price to open with, below the highest one' }

/** How a mirror is paid ahead. */
export const AHEAD = {
  '--ahead <time>': 'how long ahead to pay: a time, or all (default: 30d, and less for what is dear)',
  '--prepay-max <amount>': 'most to pay ahead, for all copies'
}

export const YES = { '--yes': 'pay more than 1,000 sat ahead, as --ahead says, without being asked' }
