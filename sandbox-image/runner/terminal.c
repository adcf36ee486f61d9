/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

/* Opens the other end of a master by its path, where the kernel can't do so directly. */
static int slave_by_name(int master) {
  unsigned number;
  if (ioctl(master, TIOCGPTN, &number) < 0) {
    return -1;
  }
  char path[32] = "/dev/pts/";
  char digits[10];
  int count = 0;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  char *end = path + 9;
  while (count > 0) {
    *end++ = digits[--count];
  }
  return open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

bool terminal_open(int *master, int *slave, unsigned columns, unsigned rows) {
  *master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (*master < 0) {
    return false;
  }
  int unlock = 0;
  if (ioctl(*master, TIOCSPTLCK, &unlock) == 0) {
    *slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*slave < 0) {
      *slave = slave_by_name(*master);
    }
    if (*slave >= 0) {
      terminal_resize(*master, columns, rows);
      return true;
    }
  }
  int error = errno;
  close(*master);
  errno = error;
  return false;
}

void terminal_resize(int master, unsigned columns, unsigned rows) {
  struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
  ioctl(master, TIOCSWINSZ, &size);
}

pid_t terminal_foreground(int master) {
  int group = 0;
  return ioctl(master, TIOCGPGRP, &group) == 0 && group > 1 ? group : 0;
}

bool terminal_by_lines(int master) {
  struct termios settings;
  return tcgetattr(master, &settings) == 0 && (settings.c_lflag & ICANON) != 0;
}

uint64_t terminal_reader(int master) {
  return (uint64_t)terminal_foreground(master) << 1 | terminal_by_lines(master);
}
