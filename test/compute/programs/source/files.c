// Does with files what programs do, and checks each step; ends with the number of the first line that is wrong.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(what)                                                   \
  do {                                                                \
    if (!(what)) {                                                    \
      fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, strerror(errno)); \
      return 1;                                                       \
    }                                                                 \
  } while (0)

static void copy(FILE *from, FILE *to) {
  char block[4096];
  for (size_t n; (n = fread(block, 1, sizeof block, from)) > 0;) fwrite(block, 1, n, to);
}

int main(void) {
  char text[64] = "";
  struct stat stats;

  FILE *given = fopen("/in/deep/given.bin", "rb");
  FILE *kept = fopen("/out/kept.bin", "wb");
  CHECK(given && kept);
  copy(given, kept);
  CHECK(fclose(given) == 0 && fclose(kept) == 0);
  copy(stdin, stdout);

  CHECK(mkdir("/out/a", 0700) == 0 && mkdir("/out/a/b", 0700) == 0);
  CHECK(mkdir("/out/a", 0700) < 0 && errno == EEXIST);
  CHECK(mkdir("/out/none/b", 0700) < 0 && errno == ENOENT);
  int fd = open("/out/a/b/file", O_CREAT | O_RDWR | O_EXCL, 0600);
  CHECK(fd >= 0);
  CHECK(open("/out/a/b/file", O_CREAT | O_RDWR | O_EXCL, 0600) < 0 && errno == EEXIST);
  CHECK(write(fd, "0123456789", 10) == 10);
  CHECK(pwrite(fd, "ab", 2, 4) == 2 && lseek(fd, 0, SEEK_CUR) == 10);
  CHECK(pread(fd, text, 4, 3) == 4 && memcmp(text, "3ab6", 4) == 0);
  CHECK(lseek(fd, -2, SEEK_END) == 8 && read(fd, text, 9) == 2 && memcmp(text, "89", 2) == 0);
  CHECK(read(fd, text, 9) == 0);
  CHECK(lseek(fd, -1, SEEK_SET) < 0 && errno == EINVAL);
  CHECK(lseek(fd, 20, SEEK_SET) == 20 && write(fd, "z", 1) == 1);
  CHECK(fstat(fd, &stats) == 0 && stats.st_size == 21 && S_ISREG(stats.st_mode));
  CHECK(pread(fd, text, 1, 15) == 1 && text[0] == 0);
  CHECK(ftruncate(fd, 5) == 0 && ftruncate(fd, 7) == 0);
  CHECK(pread(fd, text, 9, 0) == 7 && memcmp(text, "0123a\0\0", 7) == 0);
  CHECK(posix_fallocate(fd, 0, 6) == 0 && fstat(fd, &stats) == 0 && stats.st_size == 7);
  CHECK(close(fd) == 0 && close(fd) < 0 && errno == EBADF);
  fd = open("/out/a/b/file", O_WRONLY | O_APPEND);
  CHECK(fd >= 0 && write(fd, "end", 3) == 3 && close(fd) == 0);
  CHECK(stat("/out/a/b/../b/./file", &stats) == 0 && stats.st_size == 10);
  fd = open("/out/a/b/file", O_RDONLY);
  CHECK(fd >= 0 && write(fd, "x", 1) < 0 && errno == EBADF && close(fd) == 0);

  CHECK(rename("/out/a/b", "/out/a/b/c") < 0 && errno == EINVAL);
  CHECK(rename("/out/a/b", "/out/moved") == 0 && stat("/out/moved/file", &stats) == 0);
  CHECK(stat("/out/a/b", &stats) < 0 && errno == ENOENT);
  CHECK(rmdir("/out/moved") < 0 && errno == ENOTEMPTY);
  CHECK(unlink("/out/a") < 0 && errno == EISDIR);
  CHECK(rmdir("/out/a") == 0 && rmdir("/out/a") < 0 && errno == ENOENT);
  CHECK(rename("/out/moved/file", "/out/kept.txt") == 0 && rmdir("/out/moved") == 0);
  CHECK(open("/out/kept.txt/x", O_RDONLY) < 0 && errno == ENOTDIR);
  CHECK(rename("/in/deep/given.bin", "/out/given") < 0);
  CHECK(unlink("/in/deep/given.bin") < 0 && errno == EROFS);

  const char *names[] = {"/out/z", "/out/B", "/out/\xc3\xa4", "/out/a"};
  for (int i = 0; i < 4; i++) {
    FILE *made = fopen(names[i], "w");
    CHECK(made && fclose(made) == 0);
  }
  CHECK(open("/out/\xff", O_CREAT | O_WRONLY, 0600) < 0 && errno == EILSEQ);
  DIR *folder = opendir("/out");
  CHECK(folder);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) printf("%s\n", entry->d_name);
  CHECK(closedir(folder) == 0);
  return 0;
}
