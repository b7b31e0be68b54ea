/** Longest name and path that common file systems accept, bytes. */
export const MAX_NAME = 255
export const MAX_PATH = 3500
