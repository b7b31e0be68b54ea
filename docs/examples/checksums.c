// The SHA-256 of every file under /in, in the lines that `sha256sum -c` reads, by the names.
//
// Build: clang --target=wasm32-wasi -O2 -Wl,--strip-all -o checksums.wasm checksums.c
// Run:   bushel run checksums.wasm --in photos > SHA256SUMS
#include "tree.h"
#include "sha256.h"

static void visit(const char *path) {
  static uint8_t part[1 << 16];
  FILE *file = fopen(path, "rb");
  sha256 sum;
  uint8_t hash[32];
  sha256_begin(&sum);
  for (size_t n; file && (n = fread(part, 1, sizeof part, file)) > 0;) sha256_add(&sum, part, n);
  if (!file || ferror(file)) {
    perror(path);
    exit(1);
  }
  fclose(file);
  sha256_end(&sum, hash);
  sha256_print(hash);
  printf("  %s\n", path + strlen("/in/"));
}

int main(void) {
  if (walk("/in", visit) > 0) return 0;
  fprintf(stderr, "there is no file under /in: give one with --in\n");
  return 1;
}
