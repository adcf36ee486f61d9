/* SPDX-License-Identifier: Apache-2.0 */
/* A reset: a worker attaches, and nothing may be left of what ran before. A clearing: what ended commands left
 * takes all processes that the sandbox may have, and has to go. Either takes 2 s at most, in which no frame is
 * handled. */
#include "runner.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static enum { NOTHING, RESET, CLEARING } active;
static uint8_t nonce[NONCE];
static micros began, next;
static micros since; /* `began` on the clock of the start times in /proc */

static void step(micros now) {
  int alive = active == RESET ? tree_kill_all(since) : tree_kill_unowned(since);
  next = now + MILLISECOND + (now - began) / 4;
  if (alive != 0 && now < began + KILL_TIME) {
    return;
  }
  if (active == RESET) {
    output_hello(nonce, alive < 0 ? 1 : (uint32_t)alive);
    active = NOTHING;
  } else {
    /* What was not reaped yet counts as a process. */
    for (int i = 0; i < 64 && commands_reap(now); i++) {
    }
    active = NOTHING;
    commands_start_waiting(now);
  }
}

static void begin(micros now) {
  began = now;
  since = clock_boot();
  step(now);
}

void reset_begin(const uint8_t given[NONCE], micros now) {
  memcpy(nonce, given, NONCE);
  commands_forget();
  leftovers_close();
  active = RESET;
  begin(now);
}

void clearing_begin(micros now) {
  if (active == NOTHING) {
    active = CLEARING;
    begin(now);
  }
}

bool resetting(void) {
  return active != NOTHING;
}

void reset_timers(micros now) {
  if (active != NOTHING && next <= now) {
    step(now);
  }
}

micros reset_next(void) {
  return active != NOTHING ? next : NEVER;
}

void reset_and_wait(void) {
  /* Kills only the runner's own processes: the next runner may have started already. */
  const pid_t none[2] = {0, 0};
  commands_forget();
  began = clock_now();
  since = clock_boot();
  const struct timespec pause = {.tv_nsec = 1000000};
  while (tree_kill(getpid(), none, since) != 0 && clock_now() < began + KILL_TIME) {
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    nanosleep(&pause, NULL);
  }
}
