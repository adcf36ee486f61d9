/* SPDX-License-Identifier: Apache-2.0 */
/* Standard input of commands. The worker sends no more than the runner asked for, so a command's unread input
 * is at most one window, and nothing here waits for the command. */
#include "runner.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { INPUT_MEMORY = INPUT_WINDOW + 4096, END_OF_TRANSMISSION = 4 };

/* When to look at a terminal's reader again. */
#define FIRST_LOOK (50 * MILLISECOND)
#define LAST_PAUSE (5 * SECOND)

/* When to write again what was not accepted though poll did not wait. It does not wait for a terminal that nobody
 * has open; nor, on gVisor, for a pipe with some room, which accepts up to 4 KiB as a whole only. */
#define FULL_PAUSE (20 * MILLISECOND)

void input_init(struct command *command) {
  command->input_owed = INPUT_WINDOW;
}

static void drop_held(struct command *command) {
  if (command->input != NULL) {
    munmap(command->input, INPUT_MEMORY);
    command->input = NULL;
  }
  command->input_owed += (uint32_t)(command->input_to - command->input_from);
  command->input_from = command->input_to = 0;
}

void input_close(struct command *command) {
  drop_held(command);
  if (command->in >= 0 && !command->terminal) {
    close(command->in);
  }
  command->in = -1;
}

/* Writes what the command accepts, and returns how much that was. If the command will never accept more,
 * everything counts as accepted. */
static size_t push(struct command *command, const void *bytes, size_t length) {
  ssize_t written = write(command->in, bytes, length);
  if (written >= 0) {
    return (size_t)written;
  }
  if (errno == EAGAIN || errno == EINTR) {
    return 0;
  }
  if (!command->terminal) {
    close(command->in);
  }
  command->in = -1;
  return length;
}

static bool hold(struct command *command, const uint8_t *bytes, size_t length) {
  if (command->input == NULL) {
    void *memory = mmap(NULL, INPUT_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return false;
    }
    command->input = memory;
  }
  if (length > INPUT_MEMORY - command->input_to) {
    memmove(command->input, command->input + command->input_from, command->input_to - command->input_from);
    command->input_to -= command->input_from;
    command->input_from = 0;
  }
  memcpy(command->input + command->input_to, bytes, length);
  command->input_to += length;
  return true;
}

static bool ends_line(uint8_t byte) {
  return byte == '\n' || byte == '\r' || byte == END_OF_TRANSMISSION;
}

static void take(struct command *command, const uint8_t *bytes, size_t length) {
  size_t taken = 0;
  if (length > 0) {
    command->line_begun = !ends_line(bytes[length - 1]);
  }
  if (command->in < 0) {
    taken = length;
  } else if (command->input_from == command->input_to) {
    taken = push(command, bytes, length);
  }
  command->input_owed += (uint32_t)taken;
  if (taken < length && !hold(command, bytes + taken, length - taken)) {
    input_close(command); /* no memory: its input ends here instead of having a gap */
  }
}

static void end_now(struct command *command) {
  if (!command->terminal) {
    input_close(command);
  }
}

void input_give(struct command *command, const uint8_t *bytes, size_t length) {
  if (command->state != RUNNING || command->input_ends) {
    return;
  }
  length = length < command->input_granted ? length : command->input_granted;
  command->input_granted -= (uint32_t)length;
  take(command, bytes, length);
}

static void end_terminal(struct command *command) {
  const uint8_t ends[] = {END_OF_TRANSMISSION, END_OF_TRANSMISSION};
  command->reader = terminal_reader(command->in);
  /* If a line has begun, the first character only passes that on, and the second one is the end. */
  take(command, ends, command->line_begun && terminal_by_lines(command->in) ? 2 : 1);
}

static void look_again(struct command *command, micros now) {
  micros pause = now - command->ended_at;
  pause = pause < FIRST_LOOK ? FIRST_LOOK : pause > LAST_PAUSE ? LAST_PAUSE : pause;
  command->reader_look = command->in < 0 ? NEVER : now + pause;
}

void input_end(struct command *command, micros now) {
  if (command->state != RUNNING || command->input_ends) {
    return;
  }
  command->input_ends = true;
  if (command->terminal) {
    end_terminal(command);
    command->ended_at = now;
    look_again(command, now);
  } else if (command->input_from == command->input_to) {
    end_now(command);
  }
}

/* The kernel gives the character to the next reader, and loses it if the mode changes before: a shell that is
 * between two lines never sees it. So another reader is sent the end again. */
void input_end_again(struct command *command, micros now) {
  if (command->in >= 0 && command->input_from == command->input_to && terminal_reader(command->in) != command->reader) {
    end_terminal(command);
  }
  look_again(command, now);
}

void input_push(struct command *command, micros now) {
  command->input_look = NEVER;
  if (command->in < 0 || command->input_from == command->input_to) {
    return;
  }
  size_t taken = push(command, command->input + command->input_from, command->input_to - command->input_from);
  if (taken == 0) {
    command->input_look = now + FULL_PAUSE;
  }
  command->input_from += taken;
  command->input_owed += (uint32_t)taken;
  if (command->input_from == command->input_to) {
    drop_held(command);
    if (command->input_ends) {
      end_now(command);
    }
  }
}
