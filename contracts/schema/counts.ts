/** The largest lengths of arrays in records and messages: the codecs (spec/) refuse a longer array before reading it. */

/** Orders in one submission to a relay. */
export const MAX_RECORDS = 16
/** Orders in one block of a writer's core. */
export const MAX_BATCH = 512
/** Writers of one book. */
export const MAX_HEADS = 1024
/** Devices in one question to a relay: when were they seen? */
export const MAX_SIGHTINGS = 1024
/** Counters in a hello. */
export const MAX_COUNTERS = 16
/** Cores of one lease. */
export const MAX_CORES = 16
/** Installments in one list and strip; the buyer requests the following ones later. */
export const STRIP_LENGTH = 64
/** Blocks that one audit may ask for. */
export const MAX_AUDIT_BLOCKS = 64
/** Pieces that one audit token samples. */
export const MAX_TOKEN_SAMPLES = 300
/** Other copies that one repair may be fetched from. */
export const MAX_TICKETS = 8
/** Agreements of which one takeover asks how they stand. */
export const MAX_TAKEN = 16
/** Merkle nodes, and Merkle roots, in the proof of one block. */
export const MAX_PROOF_NODES = 64
/** Arguments of a job. */
export const MAX_ARGS = 256
/** Files in the input or the output of a job. */
export const MAX_FILES = 65_536
