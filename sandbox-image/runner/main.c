/* SPDX-License-Identifier: Apache-2.0 */
/* Runs commands in a sandbox for the worker, which communicates with it over its standard streams:
 * PROTOCOL.md. As process 1 it never ends; otherwise it ends with its input, and ends its commands. With the
 * argument `idle`, it runs no commands, not even as root: it is process 1 and reaps. `ready` and `idle` can be
 * followed by init's ready line, which is written once the filter is loaded. With `sockets`, it reports which
 * sockets it can make and whether it can load the filter, for `sandbox doctor`. */
#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { INPUT, OUTPUT, SIGNALS, WAKE, FIRST_COMMAND, EACH = 3 };

static struct pollfd fds[FIRST_COMMAND + EACH * TABLE + MAX_LEFTOVERS];
static bool first_process;
static bool input_ended;

static void watch(int index, int fd, short events, bool wanted) {
  fds[index].fd = wanted ? fd : -1;
  fds[index].events = events;
  fds[index].revents = 0;
}

static int watch_all(int signals, int wake, micros now) {
  watch(INPUT, 0, POLLIN, !input_ended && !frames_stopped());
  watch(OUTPUT, 1, POLLOUT, output_blocked());
  watch(SIGNALS, signals, POLLIN, true);
  watch(WAKE, wake, POLLIN, true);
  for (int i = 0; i < commands_used; i++) {
    const struct command *command = &commands[i];
    int at = FIRST_COMMAND + EACH * i;
    bool has_input = command->state == RUNNING && command->input_from < command->input_to;
    watch(at, command->in, POLLOUT, has_input && command->input_look == NEVER);
    watch(at + 1, command->out.fd, POLLIN, output_wanted(command, &command->out, now));
    watch(at + 2, command->err.fd, POLLIN, output_wanted(command, &command->err, now));
  }
  return FIRST_COMMAND + EACH * commands_used;
}

static bool happened(int index) {
  return fds[index].fd >= 0 && fds[index].revents != 0;
}

static micros earlier(micros one, micros other) {
  return one < other ? one : other;
}

static micros next_due(micros now) {
  return earlier(earlier(commands_next(), reset_next()), earlier(output_next(now), leftovers_next(now)));
}

static void wait_until(micros due, micros now, int count) {
  struct timespec timeout = {0};
  if (due > now) {
    micros left = due - now;
    timeout.tv_sec = (time_t)(left / SECOND);
    timeout.tv_nsec = (long)(left % SECOND * 1000);
  }
  if (ppoll(fds, (nfds_t)count, due == NEVER ? NULL : &timeout, NULL) < 0 && errno != EINTR) {
    /* Somebody lowered its limit of descriptors. It goes on, but has to try each descriptor. */
    const struct timespec pause = {.tv_nsec = 5000000};
    nanosleep(&pause, NULL);
    for (int i = 0; i < count; i++) {
      fds[i].revents = fds[i].events;
    }
  }
}

/* The engine's SIGTERM comes from outside of this process namespace, so its sender has the process id 0 here.
 * Code that lowers the limit of pending signals can forge that, and only ends its own sandbox. There is only
 * one read: code that never stops sending signals must not keep the runner here. */
static bool asked_to_end(int signals) {
  struct signalfd_siginfo infos[16];
  bool end = false;
  ssize_t length = read(signals, infos, sizeof infos);
  for (ssize_t i = 0; i < length / (ssize_t)sizeof *infos; i++) {
    end |= infos[i].ssi_signo == SIGTERM && infos[i].ssi_code == SI_USER && infos[i].ssi_pid == 0;
  }
  return end;
}

static void end(void) {
  if (!first_process) {
    reset_and_wait();
  }
  _exit(0);
}

_Noreturn static void serve(int signals, int wake) {
  bool reap_again = false;
  for (;;) {
    micros now = clock_now();
    int count = watch_all(signals, wake, now);
    int leftovers = leftovers_watch(fds + count, now);
    int watched = commands_used;
    bool at_once = reap_again || output_more() || frames_left();
    wait_until(at_once ? now : next_due(now), now, count + leftovers);
    now = clock_now();
    if (happened(SIGNALS) && asked_to_end(signals)) {
      end();
    }
    if (happened(WAKE)) {
      uint64_t times;
      (void)!read(wake, &times, sizeof times);
      commands_look(now);
    }
    for (int i = 0; i < watched; i++) {
      struct command *command = &commands[i];
      int at = FIRST_COMMAND + EACH * i;
      if (happened(at)) {
        input_push(command, now);
      }
      command->out.ready |= happened(at + 1);
      command->err.ready |= happened(at + 2);
    }
    leftovers_read(fds + count, leftovers, now);
    if (happened(SIGNALS) || reap_again) {
      reap_again = commands_reap(now);
    }
    if (happened(INPUT)) {
      input_ended = !frames_read(now);
    } else {
      frames_handle(now);
    }
    if ((input_ended || output_gone()) && !first_process) {
      end();
    }
    reset_timers(now);
    commands_timers(now);
    output_drop(now);
    output_send(now);
  }
}

static int take_signals(void) {
  struct sigaction usual = {.sa_handler = SIG_DFL};
  for (int i = 1; i <= 64; i++) {
    sigaction(i, &usual, NULL);
  }
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGPIPE);
  sigprocmask(SIG_SETMASK, &set, NULL);
  sigdelset(&set, SIGPIPE); /* a write reports that already */
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Reports which of the socket families that should be refused are available without the filter, and whether the
 * filter can be loaded, in the format of init's ready line. */
static int probe_sockets(void) {
  static const struct {
    int family, type, protocol;
    const char *name;
  } tries[] = {
      {AF_ALG, SOCK_SEQPACKET, 0, "AF_ALG"},
      {AF_RXRPC, SOCK_DGRAM, AF_INET, "AF_RXRPC"},
      {AF_VSOCK, SOCK_STREAM, 0, "AF_VSOCK"},
  };
  char line[128] = "zcbot-sandbox ready sockets=";
  size_t length = strlen(line), empty = length;
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    int fd = socket(tries[i].family, tries[i].type, tries[i].protocol);
    if (fd >= 0) {
      close(fd);
      length += (size_t)snprintf(line + length, sizeof line - length, "%s%s", length > empty ? "," : "", tries[i].name);
    }
  }
  length += (size_t)snprintf(line + length, sizeof line - length, " filter=%d\n", filter_load());
  return write(1, line, length) < 0;
}

/* Loads the filter and then writes the ready line, if there is one. Without the filter, nothing is served. */
static void confine(char *ready) {
  int error = filter_load();
  if (error > 0) {
    char refusal[128];
    int length = snprintf(refusal, sizeof refusal, "%s: the kernel loads no filter of system calls (errno %d)\n",
                          ready == NULL ? "zcbot-runner" : "zcbot-sandbox failed filter", error);
    (void)!write(1, refusal, (size_t)length);
    _exit(78);
  }
  if (ready != NULL) {
    size_t length = strlen(ready);
    ready[length] = '\n'; /* instead of its end, which is not needed any more */
    (void)!write(1, ready, length + 1);
    memset(ready, 0, length + 1); /* others can read the arguments of processes */
  }
}

/* Reaps until somebody outside asks it to end. */
_Noreturn static void idle(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_SETMASK, &set, NULL);
  for (;;) {
    siginfo_t info;
    if (sigwaitinfo(&set, &info) == SIGTERM && info.si_code == SI_USER && info.si_pid == 0) {
      _exit(0);
    }
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
  }
}

int main(int count, char **arguments) {
  /* Before anything else: code of the same uid must not be able to inspect or trace this process. */
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  char *ready = count == 3 ? arguments[2] : NULL;
  if (count >= 2 && strcmp(arguments[1], "idle") == 0 && getpid() == 1) {
    confine(ready);
    idle();
  }
  if (count == 2 && strcmp(arguments[1], "sockets") == 0) {
    return probe_sockets();
  }
  if (geteuid() == 0 || getuid() == 0) {
    static const char refusal[] = "zcbot-runner: does not run commands as root\n";
    (void)!write(2, refusal, sizeof refusal - 1);
    return 77;
  }
  confine(ready);
  first_process = getpid() == 1;
  /* Who has no parent in this process namespace was put into a container by the engine. */
  sole = first_process || getppid() == 0;
  if (!first_process) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  for (int fd = 0; fd < 3; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) {
      return 1;
    }
  }
  close_from(3);
  int signals = take_signals();
  int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (signals < 0 || wake < 0) {
    return 1;
  }
  for (int fd = 0; fd < 2; fd++) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  (void)!chdir("/");
  supervise_init();
  tree_init();
  memory_init();
  drop_init();
  commands_init(wake);
  serve(signals, wake);
}
