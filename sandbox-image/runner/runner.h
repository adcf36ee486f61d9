/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations that the files of the runner share. PROTOCOL.md describes what the runner does. Nothing here
 * blocks but poll. */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  PROTOCOL_VERSION = 1,
  MAX_COMMANDS = 256,
  MAX_SIGNAL = 64,
  TABLE = MAX_COMMANDS + 32, /* with room to report further ones that did not start */
  HEADER = 8,
  NONCE = 16,
  MAX_PAYLOAD_IN = 16 << 10,
  MAX_PAYLOAD_OUT = 64 << 10,
  MAX_START_MESSAGE = 256 << 10,
  MAX_LEFTOVERS = 256,
  START_FIXED = 21, /* bytes of a start message before its strings */
  MAX_STRINGS = 32 << 10, /* of arguments, and of the environment */
  DEFAULTS = 5,           /* entries of the environment that every command has */
  /* How much standard input a command may have in flight. */
  INPUT_WINDOW = 64 << 10,
};

/* The time in microseconds; it never goes back. */
typedef uint64_t micros;
#define MILLISECOND ((micros)1000)
#define SECOND ((micros)1000000)
#define NEVER UINT64_MAX
/* After this time, the runner gives up on a killed tree. */
#define KILL_TIME (2 * SECOND)

micros clock_now(void);  /* stands still while the machine sleeps */
micros clock_boot(void); /* the clock of the start times in /proc, which does not */

static inline uint32_t get32(const void *at) {
  const uint8_t *bytes = at;
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline unsigned get16(const void *at) {
  const uint8_t *bytes = at;
  return (unsigned)bytes[0] << 8 | bytes[1];
}

static inline void put32(void *at, uint32_t value) {
  uint8_t *bytes = at;
  bytes[0] = (uint8_t)(value >> 24);
  bytes[1] = (uint8_t)(value >> 16);
  bytes[2] = (uint8_t)(value >> 8);
  bytes[3] = (uint8_t)value;
}

/* --- what supervisors tell the runner (supervise.c) --------------------------------------------- */

enum step { STEP_MESSAGE, STEP_PIPE, STEP_TERMINAL, STEP_FORK, STEP_DIRECTORY, STEP_PROGRAM, STEP_CANCELLED };
enum phase { PHASE_NEW, PHASE_EXECUTED, PHASE_FAILED };

/* Which came first: that the supervisor ends, because the program ended, or that the runner makes it stay
 * until the whole tree is gone. */
enum gate { GATE_OPEN, GATE_LEAVING, GATE_HELD };

struct report {
  _Atomic int phase;
  _Atomic int gate;
  _Atomic int program; /* process id, which is its group's and, with a terminal, its session's too */
  int status;          /* of the program, as from wait; to be read once the gate is LEAVING */
  int step;            /* what failed, and why */
  int error;
};

/* A command's start: what its supervisor reads, what it reports, and the stacks that it and the program need
 * until the program is executed. They run in the runner's memory, which a fork would have to copy. It exists
 * as long as the command. */
struct start {
  struct report report;
  size_t length;
  int in, out, err; /* the command's own ends */
  bool terminal;
  int wake; /* written to when the report has changed */
  char message[MAX_START_MESSAGE];
  const char *directory;
  const char *arguments[MAX_STRINGS + 1];
  const char *environment[MAX_STRINGS + DEFAULTS + 1];
  _Alignas(16) char supervisor_stack[16 << 10];
  _Alignas(16) char program_stack[64 << 10];
};

/* Looks which defaults commands have here. */
void supervise_init(void);

/* Starts a supervisor; returns -1 if it fails, as clone does. */
pid_t supervise(struct start *start);
void close_from(unsigned first);

/* --- the filter of system calls (filter.c) ---------------------------------------------------------- */

enum { FILTER_NOT_NEEDED = -1 };

/* Loads it once, for this process and all that it starts. Returns 0, FILTER_NOT_NEEDED, or why it could not be
 * loaded, as errno. */
int filter_load(void);

/* --- commands (command.c) ------------------------------------------------------------------------- */

enum state {
  FREE,
  GATHERING, /* its start message is being received */
  WAITING,   /* until processes were killed, because none could be made for it */
  RUNNING,
  KILLING,
  DRAINING, /* it ended; what is left in its pipes is still to be sent */
  FAILED,   /* it did not start, which is still to be reported */
  LINGERING /* everything was reported, but its supervisor still exists */
};

enum how { HOW_EXITED, HOW_SIGNALLED, HOW_TIMEOUT, HOW_KILLED };

struct stream {
  int fd;         /* -1: closed */
  bool ready;     /* may have something to read */
  micros rest;    /* not to be read before */
  size_t to_send; /* while draining: how much of it belongs to the command */
};

struct command {
  uint32_t number;
  enum state state;
  bool terminal;
  bool tells_memory; /* the worker wants to know whether memory was used up */
  bool tells_pid;    /* and the process id of the program */
  bool tried_again;  /* processes were killed to make room for it */
  pid_t supervisor;  /* 0: none, or reaped */
  struct start *start;
  int message_error; /* why it will not start, as errno */

  struct stream out, err;
  uint64_t credit; /* bytes of output that the worker accepts */
  bool discard;    /* the worker accepts no more, and what is written is dropped */

  int in; /* with a terminal the same as out.fd */
  bool input_ends;
  bool line_begun; /* the last byte of its input ends no line of a terminal */
  /* of a terminal whose input ended */
  micros ended_at, reader_look;
  uint64_t reader; /* the reader to which the end was sent */
  uint32_t input_granted; /* bytes that the worker may send */
  uint32_t input_owed;    /* bytes to ask the worker for */
  char *input;            /* what the command does not accept yet */
  size_t input_from, input_to;
  micros input_look;      /* when to write it, if poll is of no use */

  bool executed, tell_executed;
  micros tell_by;   /* at the latest */
  uint64_t signals; /* to be sent once the program runs; the lowest bit is signal 1 */
  enum how how;
  int32_t code; /* or, if it FAILED, errno */
  enum step step;
  uint32_t survivors;
  micros cpu;
  /* How many of the sandbox's processes were killed for lack of memory before it started, and while it ran. */
  uint64_t kills_before, kills;

  micros deadline; /* of its time-out */
  /* while KILLING */
  micros kill_began, kill_next;
  micros kill_since;  /* kill_began on the clock of the start times */
  micros quiet_since; /* since when only the supervisor is left of the tree; 0: not so */
  bool orphaned;      /* its supervisor was killed, so its tree is identified by its session only */
  pid_t session[2];
};

extern struct command commands[TABLE];
extern int commands_used; /* all from here on are FREE */

void commands_init(int wake);
struct command *command_of(uint32_t number);
void command_gather(uint32_t number, const uint8_t *bytes, size_t length);
void command_start(uint32_t number, micros now);
void command_signal(struct command *command, int signal);
void command_kill(struct command *command, enum how how, micros now);
void commands_look(micros now);        /* reads the reports */
bool commands_reap(micros now);        /* reaps ended processes; returns whether there may be more */
bool commands_full(void);              /* no further command can be refused, until something is sent */
void commands_timers(micros now);      /* does what is due */
micros commands_next(void);            /* when something is due */
void command_said(struct command *command); /* its last frame is on its way */
void commands_forget(void);
void commands_start_waiting(micros now);

/* --- streams (input.c, output.c) ------------------------------------------------------------------ */

void input_init(struct command *command);
void input_give(struct command *command, const uint8_t *bytes, size_t length);
void input_end(struct command *command, micros now);
void input_end_again(struct command *command, micros now); /* to another reader of its terminal */
void input_push(struct command *command, micros now); /* writes what is held */
void input_close(struct command *command);

void output_drain(struct command *command);
void output_discard(struct command *command); /* nothing more of its output is sent */
void output_drop(micros now);                 /* reads and drops what is not sent */
bool output_wanted(const struct command *command, const struct stream *stream, micros now);
void output_send(micros now); /* sends what is due and fits */
bool output_blocked(void);
bool output_more(void); /* there is more to send at once */
bool output_gone(void);
void output_hello(const uint8_t nonce[NONCE], uint32_t survivors);
micros output_next(micros now); /* when a message is due that could wait */

/* --- outputs that nobody wants (drop.c) and that outlive their commands (leftovers.c) ---------------- */

void drop_init(void);
/* Reads what is there, without waiting, and drops it. Returns as read does, but never fails with EINTR. */
ssize_t drop(int fd);

struct pollfd;
void leftovers_take(struct stream *stream); /* keeps it open, unless nobody can write to it any more */
void leftovers_close(void);
int leftovers_watch(struct pollfd *fds, micros now);
void leftovers_read(const struct pollfd *fds, int watched, micros now);
micros leftovers_next(micros now);

/* --- frames (frames.c) ----------------------------------------------------------------------------- */

/* Reads what the worker sent. False at the end of the input. */
bool frames_read(micros now);
/* Handles what was read and had to wait. */
void frames_handle(micros now);
bool frames_stopped(void);
bool frames_left(void); /* some were read but not handled yet, and may be handled now */

/* --- memory (memory.c) ------------------------------------------------------------------------------ */

void memory_init(void);
uint64_t memory_kills(void); /* how many of the sandbox's processes the kernel killed for lack of memory so far */
uint64_t memory_limit(void); /* of the sandbox in bytes; INT64_MAX if it has none, or that is not known */

/* --- reset (reset.c) ------------------------------------------------------------------------------- */

void reset_begin(const uint8_t nonce[NONCE], micros now);
/* Kills what no command owns, and then starts the commands that wait for that. */
void clearing_begin(micros now);
bool resetting(void); /* or clearing */
void reset_timers(micros now);
micros reset_next(void);
/* Kills all commands and waits for their end; used when the runner itself ends. */
void reset_and_wait(void);

/* --- terminals (terminal.c) ------------------------------------------------------------------------ */

bool terminal_open(int *master, int *slave, unsigned columns, unsigned rows);
void terminal_resize(int master, unsigned columns, unsigned rows);
pid_t terminal_foreground(int master);
bool terminal_by_lines(int master);   /* whether its mode is canonical, so that it passes input on by lines */
uint64_t terminal_reader(int master); /* identifies its reader: the foreground group and the mode */

/* --- process trees (tree.c) ------------------------------------------------------------------------ */

/* Whether all processes here are the runner's, so that it may kill or stop them all at once. */
extern bool sole;

void tree_init(void);

/* Kills the descendants of `root` (but not root itself) and the processes of the given sessions; 0 means
 * none. Returns how many of these are alive, including those that are just dying, or -1 if processes can't be
 * listed. A process that was started after `since`, on clock_boot, shows that they fork faster than they are
 * killed. */
int tree_kill(pid_t root, const pid_t session[2], micros since);
/* The same for everything that commands can have left. */
int tree_kill_all(micros since);
/* The same for what was left by commands that have ended. */
int tree_kill_unowned(micros since);

#endif
