/* SPDX-License-Identifier: Apache-2.0 */
/* The outputs of commands that have ended, as long as processes in the background have them open. If they
 * were closed, a server left in the background would end at the next line that it logs. So they are read, at
 * intervals since nobody waits for them, and the data is dropped. */
#include "runner.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PAUSE (10 * MILLISECOND)

static int leftovers[MAX_LEFTOVERS];
static int count;
static micros next;

static void remove_at(int index) {
  close(leftovers[index]);
  count--;
  memmove(leftovers + index, leftovers + index + 1, (size_t)(count - index) * sizeof *leftovers);
}

void leftovers_take(struct stream *stream) {
  if (stream->fd < 0) {
    return;
  }
  struct pollfd end = {.fd = stream->fd, .events = 0};
  if (poll(&end, 1, 0) == 0) { /* nobody has hung up */
    if (count == MAX_LEFTOVERS) {
      remove_at(0);
    }
    leftovers[count++] = stream->fd;
    stream->fd = -1;
  }
}

void leftovers_close(void) {
  while (count > 0) {
    remove_at(count - 1);
  }
}

int leftovers_watch(struct pollfd *fds, micros now) {
  if (next > now) {
    return 0;
  }
  for (int i = 0; i < count; i++) {
    fds[i] = (struct pollfd){.fd = leftovers[i], .events = POLLIN};
  }
  return count;
}

micros leftovers_next(micros now) {
  return count > 0 && next > now ? next : NEVER;
}

void leftovers_read(const struct pollfd *fds, int watched, micros now) {
  for (int i = watched; i-- > 0;) {
    if (fds[i].revents != 0) {
      next = now + PAUSE;
      ssize_t got = drop(fds[i].fd);
      if (got == 0 || (got < 0 && errno != EAGAIN)) {
        remove_at(i);
      }
    }
  }
}
