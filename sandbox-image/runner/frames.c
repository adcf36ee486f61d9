/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the worker's frames. After an invalid one, skips everything up to the zeros and the reset with which
 * every attachment begins. */
#include "runner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
  /* After an invalid frame, a reset counts only behind so many zeros: the worker sends more, and the skipped
   * bytes may be data. */
  ZEROS_BEFORE_RESET = 1024,
};

static uint8_t buffer[32 << 10];
static size_t filled;
static bool left;
static bool lost;
static unsigned zeros;

/* Returns how many of the received bytes are to be skipped. */
static size_t skip_lost(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] == 0) {
      zeros++;
    } else if (bytes[i] == 'R' && zeros >= ZEROS_BEFORE_RESET) {
      lost = false;
      zeros = 0;
      return i;
    } else {
      zeros = 0;
    }
  }
  return length;
}

static bool well_formed(uint8_t type, uint32_t number, size_t length) {
  if ((number == 0) != (type == 'R')) {
    return false;
  }
  switch (type) {
    case 'R':
      return length == NONCE;
    case 'S':
    case 'I':
      return length <= MAX_PAYLOAD_IN;
    case 'G':
    case 'E':
    case 'T':
    case 'D':
      return length == 0;
    case 'K':
      return length == 1;
    case 'W':
    case 'C':
      return length == 4;
    default:
      return false;
  }
}

static void handle_running(uint8_t type, uint32_t number, const uint8_t *payload, size_t length, micros now) {
  struct command *command = command_of(number);
  if (command == NULL) {
    return; /* it ended in the meantime */
  }
  switch (type) {
    case 'I':
      input_give(command, payload, length);
      break;
    case 'E':
      input_end(command, now);
      break;
    case 'K':
      command_signal(command, payload[0]);
      break;
    case 'W':
      if (command->terminal && command->out.fd >= 0) {
        terminal_resize(command->out.fd, get16(payload), get16(payload + 2));
      }
      break;
    case 'C':
      command->credit += get32(payload);
      break;
    case 'D':
      output_discard(command);
      break;
    case 'T':
      command_kill(command, HOW_KILLED, now);
      break;
  }
}

static void handle(uint8_t type, uint32_t number, const uint8_t *payload, size_t length, micros now) {
  switch (type) {
    case 'R':
      reset_begin(payload, now);
      break;
    case 'S':
      command_gather(number, payload, length);
      break;
    case 'G':
      command_start(number, now);
      break;
    default:
      handle_running(type, number, payload, length, now);
  }
}

/* Handles the first frame in the buffer; returns its length, or 0 if it is incomplete. */
static size_t handle_first(const uint8_t *bytes, size_t length, micros now) {
  if (lost) {
    size_t skipped = skip_lost(bytes, length);
    if (skipped > 0) {
      return skipped;
    }
  }
  if (bytes[0] == 0) {
    size_t skipped = 1;
    while (skipped < length && bytes[skipped] == 0) {
      skipped++;
    }
    return skipped;
  }
  if (length < HEADER) {
    return 0;
  }
  size_t payload = get32(bytes) & 0xffffff;
  uint32_t number = get32(bytes + 4);
  if (!well_formed(bytes[0], number, payload)) {
    lost = true;
    zeros = 0;
    return 1;
  }
  if (length < HEADER + payload) {
    return 0;
  }
  handle(bytes[0], number, bytes + HEADER, payload, now);
  return HEADER + payload;
}

bool frames_stopped(void) {
  return resetting() || commands_full();
}

bool frames_left(void) {
  return left && !frames_stopped();
}

void frames_handle(micros now) {
  size_t at = 0;
  while (at < filled && !frames_stopped()) {
    size_t length = handle_first(buffer + at, filled - at, now);
    if (length == 0) {
      break;
    }
    at += length;
  }
  left = at < filled && frames_stopped();
  filled -= at;
  memmove(buffer, buffer + at, filled);
}

bool frames_read(micros now) {
  frames_handle(now);
  if (filled == sizeof buffer) {
    return true;
  }
  ssize_t got = read(0, buffer + filled, sizeof buffer - filled);
  if (got < 0) {
    return errno == EAGAIN || errno == EINTR;
  }
  filled += (size_t)got;
  frames_handle(now);
  return got > 0;
}
