/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <time.h>

/* The clock of the start times in /proc. */
micros clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (micros)now.tv_sec * SECOND + (micros)now.tv_nsec / 1000;
}
