/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor of one command: a fork of the runner to which everything the command leaves behind
 * is reparented, so that its whole tree is known as long as it runs. It starts the program, waits,
 * and ends with the program, or, if it is held, with the last process of the tree. Its own times and
 * those of what it reaped are what the command used.
 *
 * The code beside it has the same uid and can kill or stop it. It is not more than a convenience of
 * the runner, which keeps the deadlines. */
#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { MAX_STRINGS = 32 << 10, DEFAULTS = 5 };

/* Used in supervisors only; in the runner they stay untouched, and so take no memory. */
static const char *arguments[MAX_STRINGS + 1];
static const char *environment[MAX_STRINGS + DEFAULTS + 1];
static const char *directory;
static _Alignas(16) char child_stack[64 << 10];
static const struct start *start;

static const char *const defaults[DEFAULTS] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/workspace",
    "USER=sandbox",
    "LANG=C.UTF-8",
    "TERM=xterm-256color",
};

/* Up to INT_MAX, which no descriptor exceeds: gVisor takes the bound for a signed number and refuses
 * ~0U, and thousands of calls instead of this one take a tenth of a second there. */
void close_from(unsigned first) {
  if (syscall(SYS_close_range, (long)first, (long)INT_MAX, 0L) < 0) {
    for (int fd = (int)first; fd < 4096; fd++) {
      close(fd);
    }
  }
}

static void wake_runner(void) {
  uint64_t one = 1;
  while (write(start->wake, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

/* Says what failed. The error comes before the phase, which is when the runner looks at it. */
_Noreturn static void failed(enum step step, int error) {
  start->report->step = step;
  start->report->error = error;
  atomic_store(&start->report->phase, PHASE_FAILED);
  _exit(0);
}

/* --- the start message ------------------------------------------------------------------------------ */

static bool same_name(const char *entry, const char *other) {
  size_t length = strcspn(other, "=");
  return strncmp(entry, other, length) == 0 && entry[length] == '=';
}

static void read_message(void) {
  const char *at = start->message;
  const char *end = at + start->length;
  uint32_t argument_count = get32(at + 13);
  uint32_t environment_count = get32(at + 17);
  if (argument_count < 1 || argument_count > MAX_STRINGS || environment_count > MAX_STRINGS) {
    failed(STEP_MESSAGE, argument_count < 1 ? EINVAL : E2BIG);
  }
  at += START_FIXED;
  if (at == end || end[-1] != '\0') {
    failed(STEP_MESSAGE, EINVAL);
  }
  directory = at;
  at += strlen(at) + 1;
  for (uint32_t i = 0; i < argument_count; i++) {
    if (at == end) {
      failed(STEP_MESSAGE, EINVAL);
    }
    arguments[i] = at;
    at += strlen(at) + 1;
  }
  unsigned given = 0;
  bool replaced[DEFAULTS] = {false};
  for (uint32_t i = 0; i < environment_count; i++) {
    if (at == end) {
      failed(STEP_MESSAGE, EINVAL);
    }
    /* What has the worker's names is the worker's alone. */
    if (strncmp(at, "ZCBOT_", 6) != 0) {
      environment[given++] = at;
      for (int j = 0; j < DEFAULTS; j++) {
        replaced[j] |= same_name(at, defaults[j]);
      }
    }
    at += strlen(at) + 1;
  }
  if (at != end) {
    failed(STEP_MESSAGE, EINVAL);
  }
  for (int j = 0; j < DEFAULTS; j++) {
    if (!replaced[j] && (start->terminal || strncmp(defaults[j], "TERM=", 5) != 0)) {
      environment[given++] = defaults[j];
    }
  }
}

/* --- the child, which becomes the program --------------------------------------------------------------- */

/* It shares the supervisor's memory until it executes something, so the supervisor sees the error. */
static void child_failed(enum step step, int error) {
  start->report->step = step;
  start->report->error = error;
  atomic_store(&start->report->phase, PHASE_FAILED);
}

static const char *search_path(void) {
  for (const char *const *entry = environment; *entry != NULL; entry++) {
    if (strncmp(*entry, "PATH=", 5) == 0) {
      return *entry + 5;
    }
  }
  return "";
}

/* Executes the program; returns why it can't. */
static int execute(void) {
  char *const *argv = (char *const *)arguments;
  char *const *envp = (char *const *)environment;
  if (arguments[0][0] == '\0') {
    return ENOENT;
  }
  if (strchr(arguments[0], '/') != NULL) {
    execve(arguments[0], argv, envp);
    return errno;
  }
  size_t name = strlen(arguments[0]);
  int result = ENOENT;
  const char *entry = search_path();
  for (;;) {
    size_t length = strcspn(entry, ":");
    char path[PATH_MAX];
    if (length > 0 && length + 1 + name < sizeof path) {
      memcpy(path, entry, length);
      path[length] = '/';
      memcpy(path + length + 1, arguments[0], name + 1);
      execve(path, argv, envp);
      if (errno == EACCES) {
        result = EACCES;
      } else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG) {
        return errno;
      }
    }
    if (entry[length] == '\0') {
      return result;
    }
    entry += length + 1;
  }
}

static int child(void *unused) {
  (void)unused;
  atomic_store(&start->report->program, (int)getpid());
  /* Without its supervisor, which somebody killed, it is not to go on. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (start->terminal) {
    setsid();
    if (ioctl(0, TIOCSCTTY, 0) < 0) {
      child_failed(STEP_TERMINAL, errno);
      return 1;
    }
  } else {
    setpgid(0, 0);
  }
  umask(022);
  if (chdir(directory[0] == '\0' ? "/workspace" : directory) < 0) {
    child_failed(STEP_DIRECTORY, errno);
    return 1;
  }
  close_from(3);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  child_failed(STEP_PROGRAM, execute());
  return 1;
}

/* --- the supervisor ---------------------------------------------------------------------------------------- */

/* Its own descriptors are 0 to 3 from here on: none of another command's, or their ends would never
 * be seen. All of them come from the runner, where 0 to 2 are taken, so none is lost on the way. */
static void keep_own_descriptors(struct start *own) {
  dup2(own->in, 0);
  dup2(own->out, 1);
  dup2(own->err, 2);
  dup2(own->wake, 3);
  own->wake = 3;
  close_from(4);
}

/* Waits for the program, and if held for all that is left of its tree. */
_Noreturn static void wait_for(pid_t program) {
  for (;;) {
    int status;
    pid_t ended = waitpid(-1, &status, __WALL);
    if (ended < 0 && errno != EINTR) {
      _exit(0);
    }
    if (ended == program) {
      start->report->status = status;
      int open = GATE_OPEN;
      if (atomic_compare_exchange_strong(&start->report->gate, &open, GATE_LEAVING)) {
        _exit(0);
      }
    }
  }
}

_Noreturn void supervise(const struct start *given) {
  static struct start own;
  own = *given;
  start = &own;
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  keep_own_descriptors(&own);
  read_message();

  pid_t program = clone(child, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
  if (program < 0) {
    failed(STEP_FORK, errno);
  }
  if (atomic_load(&own.report->phase) == PHASE_FAILED) {
    _exit(0);
  }
  atomic_store(&own.report->phase, PHASE_EXECUTED);
  wake_runner();
  close(0);
  close(1);
  close(2);
  wait_for(program);
}
