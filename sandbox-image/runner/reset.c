/* SPDX-License-Identifier: Apache-2.0 */
/* A reset: a worker attaches, and nothing may be left of what ran before. */
#include "runner.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool active;
static uint8_t nonce[NONCE];
static micros began, next;
static micros since; /* `began` on the clock of the start times in /proc */

static void step(micros now) {
  int alive = tree_kill_all(since);
  if (alive == 0 || now >= began + KILL_TIME) {
    active = false;
    output_hello(nonce, alive < 0 ? 1 : (uint32_t)alive);
  }
  next = now + MILLISECOND + (now - began) / 4;
}

void reset_begin(const uint8_t given[NONCE], micros now) {
  memcpy(nonce, given, NONCE);
  commands_forget();
  leftovers_close();
  active = true;
  began = now;
  since = clock_boot();
  step(now);
}

bool resetting(void) {
  return active;
}

void reset_timers(micros now) {
  if (active && next <= now) {
    step(now);
  }
}

micros reset_next(void) {
  return active ? next : NEVER;
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
