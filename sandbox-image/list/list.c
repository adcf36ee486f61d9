/* SPDX-License-Identifier: Apache-2.0 */
/* Lists a directory for file transfers, where the image may not have GNU's find. Writes the format for each entry, with
 * the directives that transfers use: %y, %s, %T@, %f and \0, which mean the same as in `find -printf`. Entries that
 * disappear meanwhile are left out. A failure ends it with the words of strerror at the end of the last line.
 *
 *   zcbot-list DIRECTORY FORMAT
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int failed(const char *what) {
  fprintf(stderr, "zcbot-list: %s: %s\n", what, strerror(errno));
  return 1;
}

static char type(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return 'f';
    case S_IFDIR: return 'd';
    case S_IFLNK: return 'l';
    case S_IFIFO: return 'p';
    case S_IFSOCK: return 's';
    case S_IFCHR: return 'c';
    case S_IFBLK: return 'b';
    default: return '?';
  }
}

static bool starts(const char *at, const char *with) {
  return strncmp(at, with, strlen(with)) == 0;
}

static void put(const char *format, const struct stat *of, const char *name) {
  while (*format != '\0') {
    if (starts(format, "%y")) {
      putchar(type(of->st_mode));
    } else if (starts(format, "%s")) {
      printf("%lld", (long long)of->st_size);
    } else if (starts(format, "%f")) {
      fputs(name, stdout);
    } else if (starts(format, "%T@")) {
      printf("%lld.%09ld", (long long)of->st_mtim.tv_sec, of->st_mtim.tv_nsec);
      format++;
    } else if (starts(format, "\\0")) {
      putchar(0);
    } else {
      putchar(*format++);
      continue;
    }
    format += 2;
  }
}

int main(int count, char **arguments) {
  if (count != 3) {
    errno = EINVAL;
    return failed("a directory and a format are expected");
  }
  const char *path = arguments[1];
  DIR *directory = opendir(path);
  if (directory == NULL) {
    return failed(path);
  }
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (entry == NULL) {
      break;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
      continue;
    }
    struct stat found;
    if (fstatat(dirfd(directory), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0) {
      put(arguments[2], &found, entry->d_name);
    } else if (errno != ENOENT) {
      return failed(path);
    }
  }
  if (errno != 0) {
    return failed(path);
  }
  return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : failed("output");
}
