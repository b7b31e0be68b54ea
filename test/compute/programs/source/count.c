#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  FILE *in = argc > 1 ? fopen(argv[1], "rb") : stdin;
  FILE *out = fopen("/out/lines.txt", "w");
  if (!in || !out) return 2;
  long lines = 0;
  for (int c; (c = getc(in)) != EOF;) lines += c == '\n';
  printf("%ld\n", lines);
  fprintf(out, "%ld\n", lines);
  return fclose(out) ? 2 : 0;
}
