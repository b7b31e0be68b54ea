// Bad jobs, one an argument.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static volatile uint32_t sink;

static int deeper(int n) {
  volatile char frame[64];
  frame[n & 63] = (char)n;
  return deeper(n + 1) + frame[n & 63];
}

static int loop(void) {
  for (;;) sink++;
}

/* Grows its memory a MiB at a time and fills it; returns how often that went well. */
static int fill(void) {
  for (int times = 0;; times++) {
    size_t page = __builtin_wasm_memory_grow(0, 16);
    if (page == (size_t)-1) return times;
    memset((void *)(page * 65536), 7, MIB);
  }
}

/* Does not do without. */
static int memory(void) {
  fill();
  abort();
}

/* Notices. */
static int polite(void) {
  printf("%d\n", fill());
  return 3;
}

static int output(int fd) {
  static char block[64 * 1024];
  memset(block, 'x', sizeof block);
  for (;;) write(fd, block, sizeof block);
}

static int file(void) {
  int fd = open("/out/big", O_CREAT | O_WRONLY, 0600);
  return output(fd);
}

/* Takes files away while they are open, each a MiB, and so would hide them from a count of names. */
static int hidden(void) {
  static char block[MIB];
  for (int i = 0;; i++) {
    int fd = open("/out/gone", O_CREAT | O_WRONLY, 0600);
    if (write(fd, block, sizeof block) < 0 || unlink("/out/gone") < 0) return 9;
  }
}

static int sparse(void) {
  int fd = open("/out/sparse", O_CREAT | O_WRONLY, 0600);
  if (lseek(fd, 1LL << 40, SEEK_SET) < 0) return 9;
  return (int)write(fd, "x", 1);
}

static int inodes(int folders) {
  char name[32];
  for (int i = 0;; i++) {
    snprintf(name, sizeof name, "/out/%d", i);
    if (folders) mkdir(name, 0700);
    else close(open(name, O_CREAT | O_WRONLY, 0600));
  }
}

static int calls(void) {
  struct stat stats;
  for (;;) sink += (uint32_t)stat("/in/none", &stats);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "loop")) return loop();
  if (!strcmp(what, "memory")) return memory();
  if (!strcmp(what, "polite")) return polite();
  if (!strcmp(what, "stdout")) return output(1);
  if (!strcmp(what, "stderr")) return output(2);
  if (!strcmp(what, "file")) return file();
  if (!strcmp(what, "hidden")) return hidden();
  if (!strcmp(what, "sparse")) return sparse();
  if (!strcmp(what, "inodes")) return inodes(0);
  if (!strcmp(what, "folders")) return inodes(1);
  if (!strcmp(what, "recursion")) return deeper(1);
  if (!strcmp(what, "calls")) return calls();
  if (!strcmp(what, "trap")) __builtin_trap();
  if (!strcmp(what, "exit")) exit(7);
  if (!strcmp(what, "some")) {
    printf("some words\n");
    fflush(stdout);
    FILE *out = fopen("/out/some", "w");
    fputs("some bytes\n", out);
    fclose(out);
    __builtin_trap();
  }
  return 0;
}
