// Counts lines, words and bytes of each file under /in (of standard input, where there is none), and in all; writes how
// often each word occurs, the most frequent first, to /out/words.tsv. A word is what stands between white space; there,
// a run of letters in lower case (bytes above 127 count as letters).
//
// Build: clang --target=wasm32-wasi -O2 -Wl,--strip-all -o wordcount.wasm wordcount.c
// Run:   bushel run wordcount.wasm --in book.txt
#include <errno.h>
#include <stdint.h>
#include "tree.h"

#define LONGEST 64

typedef struct {
  char *text;
  long times;
} word;

static word *table;
static size_t room, words_known;

static uint32_t hash_of(const char *text) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
  return hash;
}

static word *place_of(const char *text) {
  size_t at = hash_of(text) & (room - 1);
  while (table[at].text && strcmp(table[at].text, text)) at = (at + 1) & (room - 1);
  return &table[at];
}

static void grow(void) {
  word *old = table;
  size_t before = room;
  room = room ? 2 * room : 1024;
  table = need(calloc(room, sizeof *table));
  for (size_t i = 0; i < before; i++)
    if (old[i].text) *place_of(old[i].text) = old[i];
  free(old);
}

static void note(const char *text) {
  if (2 * words_known >= room) grow();
  word *found = place_of(text);
  if (!found->text) found->text = need(strdup(text)), words_known++;
  found->times++;
}

static int by_times(const void *a, const void *b) {
  const word *x = a, *y = b;
  if (x->times != y->times) return x->times < y->times ? 1 : -1;
  return strcmp(x->text, y->text);
}

static long all_lines, all_words, all_bytes;

static void report(long lines, long words, long bytes, const char *name) {
  printf("%8ld %8ld %8ld %s\n", lines, words, bytes, name);
}

static void count(FILE *file, const char *name) {
  long lines = 0, words = 0, bytes = 0;
  char text[LONGEST + 1];
  int inside = 0, length = 0, c;
  do {
    c = getc(file);
    int space = c == EOF || c == ' ' || (c >= '\t' && c <= '\r');
    int upper = c >= 'A' && c <= 'Z', letter = upper || (c >= 'a' && c <= 'z') || c > 127;
    if (c != EOF) bytes++;
    if (c == '\n') lines++;
    if (inside && space) words++;
    inside = !space;
    if (letter && length < LONGEST) text[length++] = upper ? c - 'A' + 'a' : c;
    if (!letter && length > 0) text[length] = 0, length = 0, note(text);
  } while (c != EOF);
  report(lines, words, bytes, name);
  all_lines += lines, all_words += words, all_bytes += bytes;
}

static void visit(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  count(file, path + strlen("/in/"));
  fclose(file);
}

int main(void) {
  long files = walk("/in", visit);
  if (files == 0) count(stdin, "-");
  else if (files > 1) report(all_lines, all_words, all_bytes, "in all");
  FILE *out = fopen("/out/words.tsv", "wb");
  if (!out) {
    perror("/out/words.tsv");
    return 1;
  }
  size_t filled = 0;
  for (size_t i = 0; i < room; i++)
    if (table[i].text) table[filled++] = table[i];
  if (filled > 0) qsort(table, filled, sizeof *table, by_times);
  for (size_t i = 0; i < filled; i++) fprintf(out, "%s\t%ld\n", table[i].text, table[i].times);
  return fclose(out) ? 1 : 0;
}
