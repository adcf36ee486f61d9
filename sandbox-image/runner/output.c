/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is sent to the worker. Only one buffer is queued: the output of commands stays in their
 * pipes until it fits, and what is to be reported about a command is a field of it until then. */
#include "runner.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
  /* Room for frames without data, and for enough data to be worth a read. */
  SAY_ROOM = 256,
  DATA_ROOM = 4096,
  ASK_FOR_INPUT = INPUT_WINDOW / 4,
  SMALL_READ = 1024,
  /* More than a terminal holds. */
  TERMINAL_MEMORY = 128 << 10,
  ROUNDS = 8,
};

/* When to look again at a terminal that nobody has open: poll does not wait for one that is hung up. */
#define HUNG_UP_PAUSE (100 * MILLISECOND)

static uint8_t buffer[HEADER + MAX_PAYLOAD_OUT + 2 * DATA_ROOM];
static size_t from, to;
static bool blocked, gone, more;
static int turn;

static bool hello;
static uint8_t hello_nonce[NONCE];
static uint32_t hello_survivors;

bool output_blocked(void) { return blocked; }
bool output_more(void) { return more; }
bool output_gone(void) { return gone; }

static size_t room(void) {
  return sizeof buffer - to;
}

/* --- frames ----------------------------------------------------------------------------------------------- */

static void put_header(char type, uint32_t number, size_t length) {
  put32(buffer + to, (uint32_t)length);
  buffer[to] = (uint8_t)type;
  put32(buffer + to + 4, number);
  to += HEADER + length;
}

static void put(char type, uint32_t number, const void *payload, size_t length) {
  if (length > 0) {
    memcpy(buffer + to + HEADER, payload, length);
  }
  put_header(type, number, length);
}

void output_hello(const uint8_t nonce[NONCE], uint32_t survivors) {
  memcpy(hello_nonce, nonce, NONCE);
  hello_survivors = survivors;
  hello = true;
}

static void put_hello(void) {
  char payload[NONCE + 1 + 32];
  const char *text = hello_survivors > 0 ? "survivors discard pid" : sole ? "sole discard pid" : "guest discard pid";
  size_t length = strlen(text);
  memcpy(payload, hello_nonce, NONCE);
  payload[NONCE] = PROTOCOL_VERSION;
  memcpy(payload + NONCE + 1, text, length);
  put('H', 0, payload, NONCE + 1 + length);
  hello = false;
}

static void put_not_started(struct command *command) {
  static const char *const steps[] = {"message", "pipe", "terminal", "fork", "directory", "program", "cancelled"};
  unsigned step = (unsigned)command->step;
  const char *text = step < sizeof steps / sizeof *steps ? steps[step] : "start";
  char payload[4 + 16];
  put32(payload, (uint32_t)command->code);
  memcpy(payload + 4, text, strlen(text));
  put('F', command->number, payload, 4 + strlen(text));
  command_said(command);
}

static void put_end(struct command *command) {
  uint8_t payload[17 + 8];
  payload[0] = (uint8_t)command->how;
  put32(payload + 1, (uint32_t)command->code);
  put32(payload + 5, command->survivors);
  put32(payload + 9, (uint32_t)(command->cpu >> 32));
  put32(payload + 13, (uint32_t)command->cpu);
  uint64_t limit = command->kills > 0 ? memory_limit() : 0;
  put32(payload + 17, (uint32_t)(limit >> 32));
  put32(payload + 21, (uint32_t)limit);
  put('X', command->number, payload, command->tells_memory ? 25 : 17);
  if (!command->terminal) {
    leftovers_take(&command->out);
    leftovers_take(&command->err);
  }
  command_said(command);
}

/* --- data ------------------------------------------------------------------------------------------------- */

void output_drain(struct command *command) {
  struct stream *streams[] = {&command->out, &command->err};
  for (int i = 0; i < 2; i++) {
    struct stream *stream = streams[i];
    int held = 0;
    if (stream->fd >= 0 && command->terminal) {
      held = TERMINAL_MEMORY;
    } else if (stream->fd >= 0 && ioctl(stream->fd, FIONREAD, &held) < 0) {
      held = 0;
    }
    stream->to_send = (size_t)(held > 0 && !command->discard ? held : 0);
    stream->ready = stream->to_send > 0;
    stream->rest = 0;
  }
}

/* A program may write before its supervisor reports that it was executed; the execution is reported first. */
static bool has_output(const struct command *command) {
  return command->executed && (command->state == RUNNING || command->state == KILLING);
}

bool output_wanted(const struct command *command, const struct stream *stream, micros now) {
  return has_output(command) && stream->fd >= 0 && !stream->ready && stream->rest <= now &&
         (command->discard || (command->credit > 0 && !blocked));
}

static bool has_data(const struct command *command, const struct stream *stream) {
  return stream->fd >= 0 && stream->ready && command->credit > 0;
}

void output_discard(struct command *command) {
  command->discard = true;
  command->credit = 0;
  command->out.to_send = command->err.to_send = 0;
}

micros output_next(micros now) {
  micros next = NEVER;
  for (int i = 0; i < commands_used; i++) {
    const struct command *command = &commands[i];
    if (command->tell_executed && !blocked && command->tell_by < next) {
      next = command->tell_by;
    }
    if (!has_output(command) || (command->credit == 0 && !command->discard)) {
      continue;
    }
    const struct stream *streams[] = {&command->out, &command->err};
    for (int j = 0; j < 2; j++) {
      const struct stream *stream = streams[j];
      /* A ready stream is not watched, so it is due even if its rest has ended since it was last checked. */
      bool wanted = command->discard || (command->credit > 0 && !blocked);
      bool due = stream->rest > now || (stream->fd >= 0 && stream->ready && wanted);
      next = due && stream->rest < next ? stream->rest : next;
    }
  }
  return next;
}

static void ended(struct command *command, struct stream *stream, micros now) {
  stream->ready = false;
  stream->to_send = 0;
  if (!command->terminal) {
    close(stream->fd);
    stream->fd = -1;
  } else {
    stream->rest = now + HUNG_UP_PAUSE; /* whoever knows its name can open it again */
  }
}

static void drop_stream(struct command *command, struct stream *stream, micros now) {
  if (stream->fd < 0 || !stream->ready || stream->rest > now) {
    return;
  }
  ssize_t got = drop(stream->fd);
  stream->ready = false;
  stream->rest = got < SMALL_READ ? now + MILLISECOND : 0;
  if (got == 0 || (got < 0 && errno != EAGAIN)) {
    ended(command, stream, now);
  }
}

/* The programs go on, whatever the worker does. */
void output_drop(micros now) {
  for (int i = 0; i < commands_used; i++) {
    struct command *command = &commands[i];
    if (command->discard && has_output(command)) {
      drop_stream(command, &command->out, now);
      drop_stream(command, &command->err, now);
    }
  }
}

/* Reads a command's output into the buffer; returns whether there was any. */
static bool put_data(struct command *command, struct stream *stream, char type, micros now) {
  bool draining = command->state == DRAINING;
  if ((!has_output(command) && !draining) || command->discard || stream->fd < 0 || !stream->ready || stream->rest > now || (draining && stream->to_send == 0)) {
    return false;
  }
  size_t length = room() < HEADER + DATA_ROOM ? 0 : room() - HEADER;
  length = length < MAX_PAYLOAD_OUT ? length : MAX_PAYLOAD_OUT;
  length = length < command->credit ? length : (size_t)command->credit;
  length = !draining || length < stream->to_send ? length : stream->to_send;
  if (length == 0) {
    return false;
  }
  ssize_t got = read(stream->fd, buffer + to + HEADER, length);
  if (got <= 0) {
    if (got < 0 && errno == EINTR) {
      return false;
    }
    if (got < 0 && errno == EAGAIN) {
      stream->ready = false;
      stream->to_send = 0;
    } else {
      ended(command, stream, now);
    }
    return false;
  }
  put_header(type, command->number, (size_t)got);
  command->credit -= (uint64_t)got;
  if (draining) {
    stream->to_send -= (size_t)got;
    return true;
  }
  /* A pipe that returned less is empty; a terminal returns its data in pieces. */
  stream->ready = command->terminal || (size_t)got == length;
  /* The output of a program that writes byte by byte is not sent byte by byte. */
  stream->rest = got < SMALL_READ ? now + MILLISECOND : 0;
  return true;
}

/* --- sending ---------------------------------------------------------------------------------------------- */

/* Most commands end or write something within a millisecond, and each write wakes the engine up twice. So the
 * execution of the program is reported together with what follows, unless there is input to ask for. */
static bool tell_executed_now(const struct command *command, micros now) {
  return command->tell_executed &&
         (command->state != RUNNING || !command->input_ends || now >= command->tell_by ||
          has_data(command, &command->out) || has_data(command, &command->err));
}

static void say(struct command *command, micros now) {
  if (tell_executed_now(command, now)) {
    command->tell_executed = false;
    uint8_t pid[4];
    put32(pid, (uint32_t)atomic_load(&command->start->report.program));
    put('P', command->number, pid, command->tells_pid ? sizeof pid : 0);
  }
  if (command->state == RUNNING && command->executed && command->input_owed >= ASK_FOR_INPUT && !command->input_ends) {
    uint8_t payload[4];
    put32(payload, command->input_owed);
    put('C', command->number, payload, sizeof payload);
    command->input_granted += command->input_owed;
    command->input_owed = 0;
  }
}

/* Fills the empty buffer with what is to be sent. */
static bool fill(micros now) {
  if (hello) {
    put_hello();
  }
  int used = commands_used;
  int first = turn;
  for (int i = 0; i < used && room() >= SAY_ROOM; i++) {
    int index = (first + i) % used;
    struct command *command = &commands[index];
    if (command->state == FAILED) {
      put_not_started(command);
    }
    say(command, now);
    if (put_data(command, &command->out, 'O', now)) {
      turn = index + 1;
    }
    if (put_data(command, &command->err, 'E', now)) {
      turn = index + 1;
    }
    if (command->state == DRAINING && command->out.to_send == 0 && command->err.to_send == 0 && room() >= SAY_ROOM) {
      put_end(command);
    }
  }
  return to > 0;
}

/* Writes the buffer; returns whether it is empty then. */
static bool flush(void) {
  blocked = false;
  while (from < to) {
    ssize_t written = gone ? (ssize_t)(to - from) : write(1, buffer + from, to - from);
    if (written >= 0) {
      from += (size_t)written;
    } else if (errno == EAGAIN) {
      blocked = true;
      return false;
    } else if (errno != EINTR) {
      gone = true; /* nobody can ever read it */
    }
  }
  from = to = 0;
  return true;
}

void output_send(micros now) {
  more = false;
  for (int i = 0; i < ROUNDS; i++) {
    if (!flush() || !fill(now)) {
      return;
    }
  }
  more = flush();
}
