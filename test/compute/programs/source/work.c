// Integer and floating-point work, from the input and from randomness; writes what came of it.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long rounds = argc > 1 ? atol(argv[1]) : 1;
  uint64_t state[4];
  getentropy(state, sizeof state);
  double sum = 0, field[64];
  for (int i = 0; i < 64; i++) field[i] = (double)(state[i & 3] >> 11) / 9007199254740992.0 + i;
  for (long r = 0; r < rounds; r++) {
    for (int i = 0; i < 64; i++) {
      state[i & 3] = state[i & 3] * 6364136223846793005ULL + 1442695040888963407ULL;
      field[i] = sqrt(field[i] * field[(i + 7) & 63] + 1.0) - (double)(state[i & 3] >> 40) / 3e7;
      sum += field[i] > 0 ? field[i] : field[i] * field[i];
    }
  }
  FILE *out = fopen("/out/field.bin", "wb");
  fwrite(field, sizeof field, 1, out);
  fclose(out);
  printf("%.17g %016llx\n", sum, (unsigned long long)state[0]);
  return 0;
}
