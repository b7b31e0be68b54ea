/** The most of anything in one record or message: the codecs (spec/) refuse more before they read any of it. */

/** Records that are handed in at once. */
export const MAX_RECORDS = 16
/** Records in one block of a writer of a book. */
export const MAX_BATCH = 512
/** Writers of a book. */
export const MAX_HEADS = 1024
/** Counters that are shown at hello. */
export const MAX_COUNTERS = 16
export const MAX_CORES = 16
/** Installments in one strip; later ones come by topup. */
export const STRIP_LENGTH = 64
/** Blocks that one audit may ask for. */
export const MAX_AUDIT_BLOCKS = 64
/** Merkle nodes, and Merkle roots, that tie one block to its core. */
export const MAX_PROOF_NODES = 64
/** Arguments of a job. */
export const MAX_ARGS = 256
/** Files in an input or an output of a job. */
export const MAX_FILES = 65_536
