/* SPDX-License-Identifier: Apache-2.0 */
/* How often the kernel killed a process of the sandbox because memory was used up, and how much the sandbox may
 * use: what the container's own memory cgroup says, which is at the same place in all containers. gVisor has none
 * of it: there, the sandbox ends with its kernel. */
#include "runner.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int events = -1;
static int limit = -1;

static int open_first(const char *path, const char *other) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd >= 0 ? fd : open(other, O_RDONLY | O_CLOEXEC);
}

/* The files stay open, since code beside the runner can take its descriptors away later. */
void memory_init(void) {
  events = open_first("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control");
  limit = open_first("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes");
}

static bool read_text(int fd, char *text, size_t size) {
  ssize_t got = fd < 0 ? -1 : pread(fd, text, size - 1, 0);
  text[got > 0 ? got : 0] = '\0';
  return got > 0;
}

uint64_t memory_kills(void) {
  static const char name[] = "\noom_kill ";
  char text[512];
  const char *line = read_text(events, text, sizeof text) ? strstr(text, name) : NULL;
  return line == NULL ? 0 : strtoull(line + sizeof name - 1, NULL, 10);
}

uint64_t memory_limit(void) {
  char text[64];
  if (!read_text(limit, text, sizeof text) || text[0] < '0' || text[0] > '9') {
    return INT64_MAX; /* it is "max", or not known */
  }
  uint64_t bytes = strtoull(text, NULL, 10);
  return bytes < 1 || bytes > INT64_MAX ? INT64_MAX : bytes;
}
