/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a workspace visible in a warm slot on gVisor. This runtime does not show what is later mounted on a
 * mounted directory, but it shows what is mounted below it. The worker starts this program in an idle slot,
 * as root of the slot's own kernel, and the program waits. Once the worker has mounted a workspace below the
 * slot's directory, it sends one byte. The program then mounts the workspace where commands look for it, and
 * ends before any command runs.
 *
 *   zcbot-entrance BELOW PLACE
 *
 *   waiting             ready for the workspace
 *   open                it is at PLACE
 *   failed <reason>
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const char *what, const char *why) {
  printf("failed %s: %s\n", what, why);
  return 1;
}

static int same(const struct stat *one, const struct stat *other) {
  return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

int main(int argc, char **argv) {
  struct stat empty, workspace, place;
  char go;
  if (argc != 3) {
    return failed("arguments", "two directories are expected");
  }
  const char *from = argv[1], *to = argv[2];
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (stat(from, &empty) != 0) {
    return failed(from, strerror(errno));
  }
  puts("waiting");
  if (read(0, &go, 1) != 1) {
    return 1; /* the worker has gone, or gives the slot up */
  }
  if (stat(from, &workspace) != 0) {
    return failed(from, strerror(errno));
  }
  if (same(&empty, &workspace)) {
    return failed(from, "nothing was mounted");
  }
  if (mount(from, to, NULL, MS_BIND, NULL) != 0) {
    return failed("mount", strerror(errno));
  }
  /* The result does not matter: the worker's mount has these attributes already. */
  (void)mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL);
  if (stat(to, &place) != 0 || !same(&workspace, &place)) {
    return failed(to, "it is another directory");
  }
  puts("open");
  return 0;
}
