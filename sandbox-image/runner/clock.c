/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <time.h>

static micros read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (micros)now.tv_sec * SECOND + (micros)now.tv_nsec / 1000;
}

micros clock_now(void) {
  return read_clock(CLOCK_MONOTONIC);
}

micros clock_boot(void) {
  return read_clock(CLOCK_BOOTTIME);
}
