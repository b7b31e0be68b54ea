// A bit of everything: recursion, a heap that grows, an interpreter's switch, function pointers, libm, NaNs; prints what
// came out. Built with -mbulk-memory -msign-ext -mnontrapping-fptoint.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static uint64_t sorted(int count) {
  uint32_t *numbers = malloc(4 * count), x = 12345;
  for (int i = 0; i < count; i++) numbers[i] = x = x * 1664525 + 1013904223;
  qsort(numbers, count, 4, by_value);
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) sum = sum * 31 + numbers[i];
  free(numbers);
  return sum;
}

static int64_t interpret(const uint8_t *code, int steps) {
  int64_t acc = 1, spare = 3;
  for (int at = 0; steps > 0; steps--) {
    switch (code[at]) {
      case 0: acc += spare; break;
      case 1: acc ^= acc << 3; break;
      case 2: spare = acc; break;
      case 3: if (acc & 1) at += 2; break;
      case 4: acc *= 7; break;
      case 5: acc = (int8_t)acc + spare; break;
      case 6: acc -= steps; break;
      case 7: at = -1; break;
    }
    at++;
  }
  return acc;
}

static int ackermann(int m, int n) {
  return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static size_t grown(int blocks) {
  size_t sum = 0;
  char *last = 0;
  for (int i = 1; i <= blocks; i++) {
    char *block = malloc(i * 10000);
    if (!block) return 0;
    memset(block, i, i * 10000);
    if (last) memcpy(block, last, 5000);
    sum += (uint8_t)block[4999] + (uint8_t)block[i * 10000 - 1];
    last = block;
  }
  return sum;
}

static double series(double x) { return sin(x) * exp(-x / 10) + log1p(x * x) + pow(x, 1.5) + cbrt(x) + fmod(x, 0.7); }

static void show(const char *what, double value) {
  uint64_t bits;
  memcpy(&bits, &value, 8);
  printf("%s %016llx\n", what, (unsigned long long)bits);
}

int main(void) {
  static const uint8_t code[] = {0, 1, 2, 3, 4, 4, 5, 6, 0, 7};
  volatile double zero = 0, infinite = HUGE_VAL;
  double sum = 0;
  printf("%016llx\n", (unsigned long long)sorted(3000));
  printf("%lld\n", (long long)interpret(code, 50000));
  printf("%d\n", ackermann(2, 60));
  printf("%zu\n", grown(25));
  for (int i = 1; i < 300; i++) sum += series(i * 0.37);
  show("series", sum);
  show("zero over zero", zero / zero);
  show("difference of infinities", infinite - infinite);
  show("negated", -(zero / zero));
  printf("%d\n", (int)(zero / zero));
}
