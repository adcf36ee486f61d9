/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: the state of each, and what changes it. */
#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct command commands[TABLE];
int commands_used;

static int wake;
static unsigned refused; /* commands in a row for which no process could be made */

void commands_init(int wake_fd) {
  wake = wake_fd;
}

/* --- the table ------------------------------------------------------------------------------------------ */

struct command *command_of(uint32_t number) {
  for (int i = 0; i < commands_used; i++) {
    struct command *command = &commands[i];
    if (command->number == number && command->state != FREE && command->state != LINGERING) {
      return command;
    }
  }
  return NULL;
}

bool commands_full(void) {
  for (int i = 0; i < TABLE; i++) {
    if (commands[i].state == FREE) {
      return false;
    }
  }
  return true;
}

static void drop_start(struct command *command) {
  if (command->start != NULL) {
    munmap(command->start, sizeof *command->start);
    command->start = NULL;
  }
}

static void close_stream(struct stream *stream) {
  if (stream->fd >= 0) {
    close(stream->fd);
    stream->fd = -1;
  }
}

static void close_all(struct command *command) {
  input_close(command);
  close_stream(&command->out);
  close_stream(&command->err);
}

static void set_free(struct command *command) {
  drop_start(command); /* its supervisor is gone, and what it was about to start was killed */
  command->state = FREE;
  while (commands_used > 0 && commands[commands_used - 1].state == FREE) {
    commands_used--;
  }
}

void command_said(struct command *command) {
  close_all(command);
  command->tell_executed = false;
  if (command->supervisor != 0) {
    command->state = LINGERING;
  } else {
    set_free(command);
  }
}

void commands_forget(void) {
  for (int i = commands_used; i-- > 0;) {
    if (commands[i].state != FREE) {
      command_said(&commands[i]);
    }
  }
}

/* Its answer will be that it did not start. */
static void fail(struct command *command, enum step step, int error) {
  close_all(command);
  command->deadline = NEVER;
  command->state = FAILED;
  command->step = step;
  command->code = error;
}

static struct command *place(uint32_t number) {
  int index = 0;
  while (commands[index].state != FREE) {
    if (++index == TABLE) {
      return NULL; /* can't happen: frames are not handled if the table is full */
    }
  }
  struct command *command = &commands[index];
  memset(command, 0, sizeof *command);
  command->number = number;
  command->out.fd = command->err.fd = command->in = -1;
  command->deadline = command->reader_look = command->input_look = NEVER;
  command->state = GATHERING;
  commands_used = index < commands_used ? commands_used : index + 1;
  return command;
}

static int not_failed(void) {
  int found = 0;
  for (int i = 0; i < commands_used; i++) {
    found += commands[i].state != FREE && commands[i].state != FAILED;
  }
  return found;
}

/* --- start ---------------------------------------------------------------------------------------------- */

void command_gather(uint32_t number, const uint8_t *bytes, size_t length) {
  struct command *command = command_of(number);
  if (command == NULL && not_failed() < MAX_COMMANDS) {
    command = place(number);
  }
  if (command == NULL || command->state != GATHERING || command->message_error != 0) {
    return; /* a command without a place in the table is refused when it is to start */
  }
  if (command->start == NULL) {
    void *memory = mmap(NULL, sizeof *command->start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      command->message_error = ENOMEM;
      return;
    }
    command->start = memory;
  }
  struct start *start = command->start;
  if (length > MAX_START_MESSAGE - start->length) {
    command->message_error = E2BIG;
    drop_start(command);
    return;
  }
  memcpy(start->message + start->length, bytes, length);
  start->length += length;
}

static bool open_pipe(int *ours, int *theirs, bool we_write) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) {
    return false;
  }
  *ours = ends[we_write ? 1 : 0];
  *theirs = ends[we_write ? 0 : 1];
  fcntl(*ours, F_SETFL, O_NONBLOCK);
  return true;
}

static bool open_streams(struct command *command, struct start *start) {
  start->in = start->out = start->err = -1;
  if (command->terminal) {
    int master;
    int slave;
    if (!terminal_open(&master, &slave, get16(start->message + 5), get16(start->message + 7))) {
      return false;
    }
    command->in = command->out.fd = master;
    start->in = start->out = start->err = slave;
    return true;
  }
  return open_pipe(&command->in, &start->in, true) && open_pipe(&command->out.fd, &start->out, false) &&
         open_pipe(&command->err.fd, &start->err, false);
}

static void close_theirs(const struct start *start) {
  int fds[] = {start->in, start->terminal ? -1 : start->out, start->terminal ? -1 : start->err};
  for (int i = 0; i < 3; i++) {
    if (fds[i] >= 0) {
      close(fds[i]);
    }
  }
}

/* No process could be made, which usually means that the sandbox has as many as it may have. If it is the second
 * time in a row, what ended commands left is killed, and the command is tried once more. */
static void no_process(struct command *command, int error, micros now) {
  refused++;
  if (refused < 2 || command->tried_again) {
    fail(command, STEP_FORK, error);
    return;
  }
  close_all(command);
  command->tried_again = true;
  command->deadline = NEVER;
  command->state = WAITING;
  clearing_begin(now);
}

static void launch(struct command *command, micros now) {
  struct start *start = command->start;
  start->wake = wake;
  if (!open_streams(command, start)) {
    int error = errno;
    close_theirs(start);
    fail(command, command->terminal ? STEP_TERMINAL : STEP_PIPE, error);
    return;
  }
  command->kills_before = memory_kills();
  pid_t supervisor = supervise(start);
  int error = errno;
  close_theirs(start);
  if (supervisor < 0) {
    no_process(command, error, now);
    return;
  }
  command->supervisor = supervisor;
  command->session[0] = supervisor;
  command->state = RUNNING;
  command->deadline = now + get32(start->message) * MILLISECOND;
  input_init(command);
}

void commands_start_waiting(micros now) {
  for (int i = 0; i < commands_used; i++) {
    struct command *command = &commands[i];
    if (command->state != WAITING) {
      continue;
    }
    bool input_ends = command->input_ends;
    command->input_ends = false;
    memset(&command->start->report, 0, sizeof command->start->report);
    launch(command, now);
    if (input_ends) {
      input_end(command, now);
    }
  }
}

void command_start(uint32_t number, micros now) {
  struct command *command = command_of(number);
  if (command == NULL) {
    command = place(number);
    if (command != NULL) {
      fail(command, STEP_FORK, EAGAIN);
    }
    return;
  }
  if (command->state != GATHERING) {
    return;
  }
  struct start *start = command->start;
  uint32_t timeout = start != NULL && start->length >= START_FIXED ? get32(start->message) : 0;
  if (command->message_error != 0 || timeout == 0) {
    fail(command, STEP_MESSAGE, command->message_error != 0 ? command->message_error : EINVAL);
    return;
  }
  command->terminal = start->terminal = (start->message[4] & 1) != 0;
  command->tells_memory = (start->message[4] & 2) != 0;
  command->tells_pid = (start->message[4] & 4) != 0;
  command->credit = get32(start->message + 9);
  launch(command, now);
}

static uint64_t signal_bit(int signal) {
  return UINT64_C(1) << (signal - 1);
}

/* Sends the signals that came before the program was executed. SIGKILL goes alone: another one of them could
 * end the program before it, and would be reported as its end. */
static void send_kept(struct command *command) {
  uint64_t kept = command->signals;
  if ((kept & signal_bit(SIGKILL)) != 0) {
    kept = signal_bit(SIGKILL);
  }
  command->signals = 0;
  for (int signal = 1; signal <= MAX_SIGNAL; signal++) {
    if ((kept & signal_bit(signal)) != 0) {
      command_signal(command, signal);
    }
  }
}

void commands_look(micros now) {
  for (int i = 0; i < commands_used; i++) {
    struct command *command = &commands[i];
    bool alive = command->state == RUNNING || command->state == KILLING;
    if (alive && !command->executed && atomic_load(&command->start->report.phase) == PHASE_EXECUTED) {
      command->executed = command->tell_executed = true;
      command->tell_by = now + MILLISECOND;
      refused = 0;
      send_kept(command);
    }
  }
}

/* --- end ------------------------------------------------------------------------------------------------ */

/* Counts the processes that the kernel killed for lack of memory while the command ran. The kernel does not say
 * whose they were. A program that ended by SIGKILL was one of them, most likely, and then this one does not count
 * for the commands that still run. */
static void count_kills(struct command *command) {
  uint64_t total = memory_kills();
  command->kills = total > command->kills_before ? total - command->kills_before : 0;
  bool was_one = command->kills > 0 && command->how == HOW_SIGNALLED && command->code == SIGKILL;
  for (int i = 0; was_one && i < commands_used; i++) {
    struct command *other = &commands[i];
    if ((other->state == RUNNING || other->state == KILLING) && other->kills_before < total) {
      other->kills_before++;
    }
  }
}

static void end(struct command *command) {
  if (!command->executed) {
    /* Its supervisor was killed before it could report that, so the program may have been executed. */
    command->executed = command->tell_executed = true;
  }
  command->state = DRAINING;
  command->deadline = NEVER;
  input_close(command);
  output_drain(command);
  count_kills(command);
}

static void end_by_status(struct command *command, int status) {
  command->how = WIFSIGNALED(status) ? HOW_SIGNALLED : HOW_EXITED;
  command->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  end(command);
}

static void begin_killing(struct command *command, enum how how, micros now) {
  command->state = KILLING;
  command->deadline = NEVER;
  command->how = how;
  command->kill_began = command->kill_next = now;
  command->kill_since = clock_boot();
  input_close(command);
}

void command_kill(struct command *command, enum how how, micros now) {
  if (command->state == GATHERING) {
    fail(command, STEP_CANCELLED, ECANCELED);
  } else if (command->state == DRAINING) {
    command->out.to_send = command->err.to_send = 0;
  } else if (command->state == RUNNING) {
    int open = GATE_OPEN;
    if (atomic_compare_exchange_strong(&command->start->report.gate, &open, GATE_HELD)) {
      begin_killing(command, how, now);
    } else {
      /* The program has ended by itself, and its supervisor has nothing more to do. */
      kill(command->supervisor, SIGKILL);
      command->deadline = NEVER;
    }
  }
}

static void supervisor_ended(struct command *command, int status, micros now) {
  command->supervisor = 0;
  if (command->state == LINGERING) {
    set_free(command);
  }
  if (command->state != RUNNING && command->state != KILLING) {
    return;
  }
  struct report *report = &command->start->report;
  int gate = atomic_load(&report->gate);
  /* A killed supervisor may have left a program that has not ended yet. */
  if (atomic_load(&report->phase) == PHASE_FAILED && WIFEXITED(status)) {
    if (report->step == STEP_FORK && command->state == RUNNING) {
      no_process(command, report->error, now);
    } else {
      fail(command, (enum step)report->step, report->error);
    }
  } else if (gate == GATE_LEAVING) {
    end_by_status(command, report->status);
  } else if (gate == GATE_HELD && WIFEXITED(status)) {
    command->survivors = 0;
    end(command);
  } else {
    /* Somebody killed it. The rest of its session is killed, or it would go on without a deadline. */
    if (command->state == RUNNING) {
      begin_killing(command, HOW_SIGNALLED, now);
      command->code = WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
    }
    command->orphaned = true;
    command->kill_next = now;
  }
}

bool commands_reap(micros now) {
  for (int i = 0; i < 64; i++) {
    int status;
    struct rusage used;
    pid_t pid = wait4(-1, &status, WNOHANG | __WALL, &used);
    if (pid <= 0) {
      return false;
    }
    commands_look(now); /* so that its execution is reported */
    for (int j = 0; j < commands_used; j++) {
      struct command *command = &commands[j];
      if (command->state != FREE && command->supervisor == pid) {
        command->cpu = (micros)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * SECOND +
                       (micros)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
        supervisor_ended(command, status, now);
        break;
      }
    }
  }
  return true;
}

/* --- signals -------------------------------------------------------------------------------------------- */

void command_signal(struct command *command, int signal) {
  if (command->state != RUNNING || signal < 1 || signal > MAX_SIGNAL) {
    return;
  }
  if (!command->executed) {
    command->signals |= signal_bit(signal);
    return;
  }
  struct report *report = &command->start->report;
  pid_t program = atomic_load(&report->program);
  pid_t group = command->terminal ? terminal_foreground(command->out.fd) : 0;
  if (group == 0) {
    group = program;
  }
  if (group <= 1 || atomic_load(&report->gate) != GATE_OPEN) {
    return;
  }
  kill(-group, signal);
  /* A shell with job control outlives the program in its foreground. These two are to end both. */
  if ((signal == SIGKILL || signal == SIGHUP) && program > 1 && program != group) {
    kill(-program, signal);
  }
}

/* --- time ----------------------------------------------------------------------------------------------- */

static void kill_step(struct command *command, micros now) {
  struct report *report = &command->start->report;
  pid_t program = atomic_load(&report->program);
  command->session[1] = command->terminal ? program : 0;
  int alive = tree_kill(command->supervisor, command->session, command->kill_since);
  if (alive < 0) {
    if (program > 1) {
      kill(-program, SIGKILL);
    }
    alive = 1;
  }
  command->survivors = (uint32_t)alive;
  if (alive > 0) {
    command->quiet_since = 0;
  } else if (command->orphaned) {
    end(command);
    return;
  } else {
    /* It ends as soon as it has reaped the others, unless somebody stopped it, so it is continued. */
    kill(command->supervisor, SIGCONT);
    if (command->quiet_since == 0) {
      command->quiet_since = now;
    }
  }
  bool late = now >= command->kill_began + KILL_TIME;
  if (!command->orphaned && (late || (command->quiet_since != 0 && now > command->quiet_since + 100 * MILLISECOND))) {
    kill(command->supervisor, SIGKILL);
  }
  if (late) {
    end(command);
    return;
  }
  micros pause = (now - command->kill_began) / 4;
  pause = pause < MILLISECOND ? MILLISECOND : pause;
  command->kill_next = now + (pause > 50 * MILLISECOND ? 50 * MILLISECOND : pause);
}

void commands_timers(micros now) {
  static int turn; /* one scan of all processes at a time, so that nothing else waits for long */
  struct command *due = NULL;
  for (int i = 0; i < commands_used; i++) {
    int index = (turn + i) % commands_used;
    struct command *command = &commands[index];
    if (command->state == RUNNING && command->deadline <= now) {
      command_kill(command, HOW_TIMEOUT, now);
    }
    if (command->state == RUNNING && command->reader_look <= now) {
      input_end_again(command, now);
    }
    if (command->state == RUNNING && command->input_look <= now) {
      input_push(command, now);
    }
    if (due == NULL && command->state == KILLING && command->kill_next <= now) {
      due = command;
    }
  }
  if (due != NULL) {
    turn = (int)(due - commands) + 1;
    kill_step(due, now);
  }
}

micros commands_next(void) {
  micros next = NEVER;
  for (int i = 0; i < commands_used; i++) {
    const struct command *command = &commands[i];
    micros due = NEVER;
    if (command->state == KILLING) {
      due = command->kill_next;
    } else if (command->state == RUNNING) {
      due = command->deadline < command->reader_look ? command->deadline : command->reader_look;
      due = due < command->input_look ? due : command->input_look;
    }
    next = due < next ? due : next;
  }
  return next;
}
