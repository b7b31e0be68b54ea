// Product of two N x N matrices of doubles (first argument; 128 when there is none); prints a sum of the result's bits.
// With -msimd128 two columns at a time.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 128;
  double *a = malloc(sizeof(double) * n * n), *b = malloc(sizeof(double) * n * n), *c = malloc(sizeof(double) * n * n);
  for (int i = 0; i < n * n; i++) a[i] = (i % 97) / 7.0, b[i] = (i % 89) / 11.0 - 3;
  for (int i = 0; i < n; i++) {
#ifdef __wasm_simd128__
    for (int j = 0; j < n; j += 2) {
      v128_t sum = wasm_f64x2_splat(0);
      for (int k = 0; k < n; k++)
        sum = wasm_f64x2_add(sum, wasm_f64x2_mul(wasm_f64x2_splat(a[i * n + k]), wasm_v128_load(b + k * n + j)));
      wasm_v128_store(c + i * n + j, sum);
    }
#else
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
      c[i * n + j] = sum;
    }
#endif
  }
  uint64_t sum = 0, bits;
  for (int i = 0; i < n * n; i++) {
    memcpy(&bits, c + i, 8);
    sum = sum * 31 + bits;
  }
  printf("%016llx\n", (unsigned long long)sum);
}
