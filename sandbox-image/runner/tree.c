/* SPDX-License-Identifier: Apache-2.0 */
/* Kills process trees, which it reads from /proc.
 *
 * A process with a pending SIGKILL can't fork any more, but one that was not seen can, so the kill is
 * repeated. Trees that are faster than that (each process forks and ends, in a session of its own) are caught
 * by stopping everything in the process namespace at once, which the kernel does without letting a fork
 * through. This is possible only where everything there is the runner's.
 *
 * A process id could pass to another process between the look and the kill. Ids are given out in turn, so
 * that would take thousands of forks within microseconds, and could only hit another process of the same
 * sandbox. */
#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_PROCESSES = 4096, TICKS = 100 };

struct process {
  pid_t pid, parent, group, session;
  bool dead;
  enum { UNKNOWN, INSIDE, OUTSIDE } place;
  uint64_t started; /* in ticks since boot */
};

struct entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

bool sole;
static int proc = -1;
static struct process processes[MAX_PROCESSES];
static int count;

void tree_init(void) {
  proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* --- reading -------------------------------------------------------------------------------------------- */

static const char *skip_words(const char *at, int words) {
  while (words-- > 0) {
    at += strcspn(at, " ");
    at += strspn(at, " ");
  }
  return at;
}

static uint64_t number(const char *at) {
  uint64_t value = 0;
  while (*at >= '0' && *at <= '9') {
    value = value * 10 + (uint64_t)(*at++ - '0');
  }
  return value;
}

/* The name in the text may be anything, but it comes before the last parenthesis. */
static bool parse(const char *text, struct process *process) {
  const char *at = strrchr(text, ')');
  if (at == NULL || at[1] != ' ') {
    return false;
  }
  at += 2;
  char state = *at;
  at = skip_words(at, 1);
  process->parent = (pid_t)number(at);
  at = skip_words(at, 1);
  process->group = (pid_t)number(at);
  at = skip_words(at, 1);
  process->session = (pid_t)number(at);
  at = skip_words(at, 14);
  uint64_t threads = number(at);
  at = skip_words(at, 2);
  process->started = number(at);
  /* A zombie with threads is a process whose first thread ended. */
  process->dead = state == 'X' || (state == 'Z' && threads <= 1);
  process->place = UNKNOWN;
  return true;
}

/* Reads one process; 0 if it is gone, -1 if files can't be opened. */
static int read_process(const char *name, struct process *process) {
  char path[32];
  size_t length = strlen(name);
  if (length > 16) {
    return 0;
  }
  memcpy(path, name, length);
  memcpy(path + length, "/stat", 6);
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1 : 0;
  }
  char text[512];
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) {
    return 0;
  }
  text[got] = '\0';
  process->pid = (pid_t)number(name);
  return parse(text, process) ? 1 : 0;
}

/* Lists all processes in the order of their ids; false if that can't be done. */
static bool list(void) {
  static _Alignas(8) char buffer[4096];
  count = 0;
  if (proc < 0 || lseek(proc, 0, SEEK_SET) < 0) {
    return false;
  }
  for (;;) {
    long got = syscall(SYS_getdents64, proc, buffer, sizeof buffer);
    if (got <= 0) {
      return got == 0;
    }
    for (long at = 0; at < got;) {
      const struct entry *entry = (const struct entry *)(buffer + at);
      at += entry->length;
      if (entry->name[0] < '1' || entry->name[0] > '9') {
        continue;
      }
      if (count == MAX_PROCESSES) {
        return true; /* the others are handled next time, when these are dead */
      }
      int found = read_process(entry->name, &processes[count]);
      if (found < 0) {
        return false;
      }
      count += found;
    }
  }
}

/* --- which are meant ---------------------------------------------------------------------------------------- */

static struct process *find(pid_t pid) {
  int low = 0;
  int high = count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (processes[middle].pid < pid) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < count && processes[low].pid == pid ? &processes[low] : NULL;
}

/* Whether a process descends from the root. The result is kept for all processes on the way. */
static bool descends(struct process *process, pid_t root) {
  struct process *at = process;
  int place = OUTSIDE;
  for (int depth = 0; at != NULL && depth < count; depth++) {
    if (at->place != UNKNOWN) {
      place = (int)at->place;
      break;
    }
    if (at->parent == root) {
      place = INSIDE;
      break;
    }
    at = find(at->parent);
  }
  at = process;
  for (int depth = 0; at != NULL && at->place == UNKNOWN && depth < count; depth++) {
    at->place = place == INSIDE ? INSIDE : OUTSIDE;
    if (at->parent == root) {
      break;
    }
    at = find(at->parent);
  }
  return place == INSIDE;
}

static bool in_session(const struct process *process, const pid_t session[2]) {
  return (session[0] != 0 && process->session == session[0]) || (session[1] != 0 && process->session == session[1]);
}

/* --- killing ------------------------------------------------------------------------------------------------ */

struct target {
  bool unowned;         /* but for what descends from the supervisors of commands */
  pid_t root;           /* what descends from it; 0: nothing */
  const pid_t *session; /* two sessions, 0 for none; or NULL: everything but what the container began with */
};

/* What the container began with: process 1, and the processes that it waits for where it is not the runner.
 * These are identified by its session, which nobody else can enter. Where process 1 is the runner, its
 * session contains only supervisors that have no session of their own yet. */
static bool is_meant(struct process *process, const struct target *target) {
  if (process->pid == 1 || process->pid == target->root || process->pid == getpid()) {
    return false;
  }
  if (target->session == NULL) {
    const struct process *first = getpid() == 1 ? NULL : find(1);
    return first == NULL || process->session != first->session;
  }
  return (target->root != 0 && descends(process, target->root)) || in_session(process, target->session);
}

/* Makes supervisors, and so all that descends from them, count as descendants of nothing else. */
static void exclude_commands(void) {
  for (int i = 0; i < commands_used; i++) {
    pid_t supervisor = commands[i].state == FREE ? 0 : commands[i].supervisor;
    struct process *process = supervisor == 0 ? NULL : find(supervisor);
    if (process != NULL) {
      process->place = OUTSIDE;
    }
  }
}

static int kill_once(const struct target *target, uint64_t since, bool *younger) {
  if (!list()) {
    return -1;
  }
  if (target->unowned) {
    exclude_commands();
  }
  int alive = 0;
  pid_t group = 0;
  for (int i = 0; i < count; i++) {
    struct process *process = &processes[i];
    if (!is_meant(process, target)) {
      continue;
    }
    /* Kills a whole group at once, which is faster than a shell's fork bomb. A group is part of a session, so
     * all of it is meant, except for the supervisor's own. */
    if (process->group > 1 && process->group != group && process->group != target->root && process->group != getpgrp()) {
      group = process->group;
      kill(-group, SIGKILL);
    }
    bool out_of_reach = kill(process->pid, SIGKILL) < 0 && errno == EPERM;
    if (!process->dead && !out_of_reach) {
      alive++;
      *younger |= process->started > since;
    }
  }
  return alive;
}

static int kill_target(const struct target *target, micros since) {
  uint64_t ticks = since / (SECOND / TICKS) + 1;
  bool younger = false;
  int alive = kill_once(target, ticks, &younger);
  if (alive > 0 && younger && sole) {
    kill(-1, SIGSTOP);
    alive = kill_once(target, ticks, &younger);
    kill(-1, SIGCONT);
  }
  if (alive < 0 && sole && !target->unowned) {
    /* Somebody lowered this process's limits. Even then, nothing may survive. */
    kill(-1, SIGKILL);
  }
  return alive;
}

int tree_kill(pid_t root, const pid_t session[2], micros since) {
  const struct target target = {.root = root, .session = session};
  return kill_target(&target, since);
}

static const pid_t none[2];

int tree_kill_unowned(micros since) {
  const struct target unowned = {.unowned = true, .root = getpid(), .session = none};
  return kill_target(&unowned, since);
}

int tree_kill_all(micros since) {
  const struct target everything = {0};
  const struct target own = {.root = getpid(), .session = none};
  return kill_target(sole ? &everything : &own, since);
}
