/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor of one command: a process of its own to which everything that the command leaves behind is
 * reparented, so that its whole tree is known as long as it runs. It starts the program, waits, and ends with
 * the program or, if it is held, with the last process of the tree. Its own processor time and that of the
 * processes that it reaped are the command's.
 *
 * The code beside it has the same uid and can kill or stop it. So it only makes things easier for the runner,
 * which keeps the deadlines.
 *
 * It shares the runner's memory, since on gVisor a copy would take as long as the program's own start. So it
 * writes only to its command's `struct start`. It does not write to errno either, which is the runner's:
 * system calls that can fail are made by `call`. */
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

#define USUAL_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Mounted where the image is not ours: what scripts and file transfers need, if the image lacks it. */
#define TOOLS "/usr/local/lib/zcbot/bin"

static const char *defaults[DEFAULTS] = {
    USUAL_PATH,
    "HOME=/workspace",
    "USER=sandbox",
    "LANG=C.UTF-8",
    "TERM=xterm-256color",
};

void supervise_init(void) {
  if (access(TOOLS, X_OK) == 0) {
    defaults[0] = USUAL_PATH ":" TOOLS;
  }
}

/* A system call that leaves errno alone, and returns the error as a negative number. */
static long call(long number, long a, long b, long c, long d) {
#if defined __x86_64__
  register long fourth __asm__("r10") = d;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  return result;
#elif defined __aarch64__
  register long eighth __asm__("x8") = number;
  register long first __asm__("x0") = a;
  register long second __asm__("x1") = b;
  register long third __asm__("x2") = c;
  register long fourth __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(first) : "r"(eighth), "r"(second), "r"(third), "r"(fourth) : "memory");
  return first;
#else
#error "system calls of this processor are not known"
#endif
}

/* Closes up to INT_MAX, which no descriptor exceeds: gVisor reads the bound as a signed number and refuses
 * ~0U. Thousands of calls instead of this one take a tenth of a second there. */
void close_from(unsigned first) {
  if (call(SYS_close_range, (long)first, INT_MAX, 0, 0) < 0) {
    for (int fd = (int)first; fd < 4096; fd++) {
      call(SYS_close, fd, 0, 0, 0);
    }
  }
}

static void wake_runner(const struct start *start) {
  uint64_t one = 1;
  while (call(SYS_write, start->wake, (long)&one, sizeof one, 0) == -EINTR) {
  }
}

/* Reports what failed. The error is set before the phase, which makes the runner read it. */
static void failed(struct start *start, enum step step, int error) {
  start->report.step = step;
  start->report.error = error;
  atomic_store(&start->report.phase, PHASE_FAILED);
}

/* --- the start message ------------------------------------------------------------------------------ */

static bool same_name(const char *entry, const char *other) {
  size_t length = strcspn(other, "=");
  return strncmp(entry, other, length) == 0 && entry[length] == '=';
}

/* Parses the message; returns what is wrong with it, or 0. */
static int read_message(struct start *start) {
  const char *at = start->message;
  const char *end = at + start->length;
  uint32_t argument_count = get32(at + 13);
  uint32_t environment_count = get32(at + 17);
  if (argument_count < 1 || argument_count > MAX_STRINGS || environment_count > MAX_STRINGS) {
    return argument_count < 1 ? EINVAL : E2BIG;
  }
  at += START_FIXED;
  if (at == end || end[-1] != '\0') {
    return EINVAL;
  }
  start->directory = at;
  at += strlen(at) + 1;
  for (uint32_t i = 0; i < argument_count; i++) {
    if (at == end) {
      return EINVAL;
    }
    start->arguments[i] = at;
    at += strlen(at) + 1;
  }
  unsigned given = 0;
  bool replaced[DEFAULTS] = {false};
  for (uint32_t i = 0; i < environment_count; i++) {
    if (at == end) {
      return EINVAL;
    }
    /* Variables with the worker's prefix are for the worker alone. */
    if (strncmp(at, "ZCBOT_", 6) != 0) {
      start->environment[given++] = at;
      for (int j = 0; j < DEFAULTS; j++) {
        replaced[j] |= same_name(at, defaults[j]);
      }
    }
    at += strlen(at) + 1;
  }
  if (at != end) {
    return EINVAL;
  }
  for (int j = 0; j < DEFAULTS; j++) {
    if (!replaced[j] && (start->terminal || strncmp(defaults[j], "TERM=", 5) != 0)) {
      start->environment[given++] = defaults[j];
    }
  }
  return 0;
}

/* --- the child, which becomes the program --------------------------------------------------------------- */

static const char *search_path(const struct start *start) {
  for (const char *const *entry = start->environment; *entry != NULL; entry++) {
    if (strncmp(*entry, "PATH=", 5) == 0) {
      return *entry + 5;
    }
  }
  return "";
}

static int execute_file(const struct start *start, const char *path) {
  return (int)-call(SYS_execve, (long)path, (long)start->arguments, (long)start->environment, 0);
}

/* Executes the program; returns why it can't. */
static int execute(const struct start *start) {
  const char *program = start->arguments[0];
  if (program[0] == '\0') {
    return ENOENT;
  }
  if (strchr(program, '/') != NULL) {
    return execute_file(start, program);
  }
  size_t name = strlen(program);
  int result = ENOENT;
  const char *entry = search_path(start);
  for (;;) {
    size_t length = strcspn(entry, ":");
    char path[PATH_MAX];
    if (length > 0 && length + 1 + name < sizeof path) {
      memcpy(path, entry, length);
      path[length] = '/';
      memcpy(path + length + 1, program, name + 1);
      int error = execute_file(start, path);
      if (error == EACCES) {
        result = EACCES;
      } else if (error != ENOENT && error != ENOTDIR && error != ELOOP && error != ENAMETOOLONG) {
        return error;
      }
    }
    if (entry[length] == '\0') {
      return result;
    }
    entry += length + 1;
  }
}

static int program(void *given) {
  struct start *start = given;
  atomic_store(&start->report.program, (int)getpid());
  /* Without its supervisor, if somebody killed that, it must not go on. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (start->terminal) {
    setsid();
    long error = -call(SYS_ioctl, 0, TIOCSCTTY, 0, 0);
    if (error > 0) {
      failed(start, STEP_TERMINAL, (int)error);
      return 1;
    }
  } else {
    setpgid(0, 0);
  }
  umask(022);
  long error = -call(SYS_chdir, (long)(start->directory[0] == '\0' ? "/workspace" : start->directory), 0, 0, 0);
  if (error > 0) {
    failed(start, STEP_DIRECTORY, (int)error);
    return 1;
  }
  close_from(3);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  failed(start, STEP_PROGRAM, execute(start));
  return 1;
}

/* --- the supervisor ---------------------------------------------------------------------------------------- */

/* From here on, its descriptors are 0 to 3. It keeps none of another command's, or the end of those streams
 * would never be seen. All of them come from the runner, where 0 to 2 are taken, so none is lost on the way.
 *
 * Returns false if that fails. Code beside it can take the limit of descriptors away at any moment, and then
 * 0 to 2 are still the runner's own streams, which no program may get. */
static bool keep_own_descriptors(struct start *start) {
  const int own[] = {start->in, start->out, start->err, start->wake};
  for (int i = 0; i < 4; i++) {
    if (call(SYS_dup3, own[i], i, 0, 0) < 0) {
      return false;
    }
  }
  start->wake = 3;
  close_from(4);
  return true;
}

/* Waits for the program and, if held, for everything that is left of its tree. */
static void wait_for(struct start *start, pid_t program) {
  for (;;) {
    int status;
    long ended = call(SYS_wait4, -1, (long)&status, __WALL, 0);
    if (ended < 0 && ended != -EINTR) {
      return;
    }
    if (ended == program) {
      start->report.status = status;
      int open = GATE_OPEN;
      if (atomic_compare_exchange_strong(&start->report.gate, &open, GATE_LEAVING)) {
        return;
      }
    }
  }
}

static int supervisor(void *given) {
  struct start *start = given;
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (!keep_own_descriptors(start)) {
    failed(start, start->terminal ? STEP_TERMINAL : STEP_PIPE, EMFILE);
    return 0;
  }
  int error = read_message(start);
  if (error != 0) {
    failed(start, STEP_MESSAGE, error);
    return 0;
  }
  pid_t child = clone(program, start->program_stack + sizeof start->program_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, start);
  if (child < 0) {
    /* Usually the limit of processes. This is the one call that writes errno; code of the runner that reads
     * EAGAIN there by mistake tries again. */
    failed(start, STEP_FORK, EAGAIN);
    return 0;
  }
  if (atomic_load(&start->report.phase) == PHASE_FAILED) {
    return 0;
  }
  atomic_store(&start->report.phase, PHASE_EXECUTED);
  wake_runner(start);
  for (int i = 0; i < 3; i++) {
    call(SYS_close, i, 0, 0, 0);
  }
  wait_for(start, child);
  return 0;
}

pid_t supervise(struct start *start) {
  /* Signals are blocked before it exists, so that from its first instruction on none ends it that can be
   * blocked. */
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_t pid = clone(supervisor, start->supervisor_stack + sizeof start->supervisor_stack, CLONE_VM | SIGCHLD, start);
  int error = errno;
  sigprocmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return pid;
}
