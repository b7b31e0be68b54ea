// Looks for a number that, written behind TEXT, gives a SHA-256 of BITS leading zero bits: proof of work. Arguments: TEXT
// BITS [FIRST [COUNT]]. Prints the lowest one from FIRST (0) on, and the hash; ends with exit code 1 when there is none
// among COUNT numbers, so that ranges can be given to several providers. `printf bushel/NUMBER | sha256sum` checks it.
//
// Build: clang --target=wasm32-wasi -O2 -Wl,--strip-all -o search.wasm search.c
// Run:   bushel run search.wasm -- bushel/ 20
#include <stdio.h>
#include <stdlib.h>
#include "sha256.h"

static int zero_bits(const uint8_t hash[32]) {
  int bits = 0;
  while (bits < 256 && !(hash[bits / 8] >> (7 - bits % 8) & 1)) bits++;
  return bits;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 5) {
    fprintf(stderr, "arguments: TEXT BITS [FIRST [COUNT]]\n");
    return 2;
  }
  int bits = atoi(argv[2]);
  uint64_t first = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
  uint64_t count = argc > 4 ? strtoull(argv[4], NULL, 10) : UINT64_MAX - first;
  sha256 begun;
  sha256_begin(&begun);
  sha256_add(&begun, argv[1], strlen(argv[1]));
  for (uint64_t i = 0; i < count; i++) {
    char number[24];
    uint8_t hash[32];
    sha256 sum = begun;
    int length = snprintf(number, sizeof number, "%llu", (unsigned long long)(first + i));
    sha256_add(&sum, number, length);
    sha256_end(&sum, hash);
    if (zero_bits(hash) < bits) continue;
    printf("%s%s ", argv[1], number);
    sha256_print(hash);
    printf("\n");
    return 0;
  }
  fprintf(stderr, "none among %llu numbers\n", (unsigned long long)count);
  return 1;
}
