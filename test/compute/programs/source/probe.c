// Looks for the host: files, environment, clock, network, other jobs. Says what it found.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

extern char **environ;

static void look(const char *path) {
  int fd = open(path, O_RDONLY);
  printf("open %s: %s\n", path, fd < 0 ? strerror(errno) : "opened");
  if (fd >= 0) close(fd);
}

static void list(const char *path) {
  DIR *folder = opendir(path);
  printf("list %s:", path);
  if (!folder) printf(" %s", strerror(errno));
  else {
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) printf(" %s", entry->d_name);
    closedir(folder);
  }
  printf("\n");
}

int main(void) {
  const char *paths[] = {"/etc/passwd", "/proc/self/environ", "/in/../etc/passwd", "/in/../../etc/passwd",
                         "/out/../in/given", "/dev/urandom", "etc/passwd", "../etc/passwd", "/bushel/guest/main.js"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) look(paths[i]);
  list("/");
  list("/in");
  list("/out");
  int variables = 0;
  for (char **at = environ; at && *at; at++) variables++;
  printf("environment: %d\n", variables);

  for (__wasi_fd_t fd = 0; fd < 64; fd++) {
    __wasi_fdstat_t stat;
    if (__wasi_fd_fdstat_get(fd, &stat) == 0) printf("open already: %d\n", (int)fd);
  }
  __wasi_size_t sent = 0;
  __wasi_ciovec_t word = {(const uint8_t *)"x", 1};
  for (__wasi_fd_t fd = 0; fd < 6; fd++) {
    if (__wasi_sock_send(fd, &word, 1, 0, &sent) == 0) printf("sent on %d\n", (int)fd);
  }
  printf("symlink: %s\n", symlink("/etc/passwd", "/out/link") < 0 ? strerror(errno) : "made");
  printf("write in: %s\n", open("/in/mine", O_CREAT | O_WRONLY, 0600) < 0 ? strerror(errno) : "made");

  struct timespec before, after;
  clock_gettime(CLOCK_REALTIME, &before);
  struct timespec hour = {3600, 0};
  nanosleep(&hour, NULL);
  clock_gettime(CLOCK_REALTIME, &after);
  printf("clock: %lld, %lld s later\n", (long long)before.tv_sec, (long long)(after.tv_sec - before.tv_sec));
  unsigned char random[16];
  getentropy(random, sizeof random);
  printf("random: ");
  for (size_t i = 0; i < sizeof random; i++) printf("%02x", random[i]);
  printf("\n");
  return 0;
}
