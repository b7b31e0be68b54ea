#include <stdio.h>
int main(int argc, char **argv) {
  for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
  FILE *out = fopen("/out/hello.txt", "w");
  fprintf(out, "hello\n");
  return fclose(out);
}
