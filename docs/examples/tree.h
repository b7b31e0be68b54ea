// The files under a folder, in the order of their names' bytes, the same on every machine.
#pragma once
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void *need(void *memory) {
  if (memory) return memory;
  fprintf(stderr, "no memory left\n");
  exit(1);
}

/* Calls visit with the path of each regular file; the number of files. */
static long walk(const char *folder, void (*visit)(const char *path)) {
  DIR *open = opendir(folder);
  if (!open) return 0;
  char **names = NULL;
  size_t count = 0, room = 0;
  for (struct dirent *entry; (entry = readdir(open));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (count == room) names = need(realloc(names, sizeof *names * (room = room ? 2 * room : 64)));
    names[count++] = need(strdup(entry->d_name));
  }
  closedir(open);
  if (count > 0) qsort(names, count, sizeof *names, by_bytes);
  long files = 0;
  for (size_t i = 0; i < count; i++) {
    char path[PATH_MAX];
    struct stat stats;
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    free(names[i]);
    if (stat(path, &stats) < 0) {
      perror(path);
      exit(1);
    }
    if (S_ISDIR(stats.st_mode)) files += walk(path, visit);
    else files++, visit(path);
  }
  free(names);
  return files;
}
