/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's own seccomp filter. It refuses system calls with which one sandbox takes something from the
 * whole host, and which the engine's profile allows. Filters stack, so both apply. The runner loads it before it
 * serves, and everything that the runner starts inherits it.
 *
 * The first rule that matches a call decides, and a call that no rule names is allowed. Since Linux 5.11, the
 * kernel runs no filter for calls that are allowed whatever their arguments are. */
#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the number of this processor's architecture is not known"
#endif

#ifndef SYS_file_setattr
#define SYS_file_setattr 469
#endif

/* --- the rules -------------------------------------------------------------------------------------- */

/* What a rule answers, if not an error. A call that is pretended returns 0 and does nothing. */
enum { PRETENDED = 0, ALLOWED = -1 };

enum test { ALWAYS, IS_ONE_OF, TYPE_IS_ONE_OF, HAS_BIT, IS_GIVEN };

enum { MOST_VALUES = 4, MOST_CONDITIONS = 3 };

struct condition {
  enum test test;
  unsigned argument;
  unsigned count;
  uint32_t values[MOST_VALUES];
};

struct rule {
  int call;
  int answer;
  struct condition when[MOST_CONDITIONS]; /* all of them */
};

#define COUNT(...) (sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
/* An argument is one of the values. The kernel takes it for an int, so its upper half does not count. */
#define IS(argument, ...) {IS_ONE_OF, argument, COUNT(__VA_ARGS__), {__VA_ARGS__}}
/* The type of a socket, which may have flags, is one of the values. */
#define TYPE(...) {TYPE_IS_ONE_OF, 1, COUNT(__VA_ARGS__), {__VA_ARGS__}}
#define HAS(argument, flag) {HAS_BIT, argument, 1, {flag}}
/* A pointer is not NULL. */
#define GIVEN(argument) {IS_GIVEN, argument, 0, {0}}
#define ANYHOW {ALWAYS, 0, 0, {0}}

static const struct rule rules[] = {
    /* The kernel compiles each filter. Its budget for that (net.core.bpf_jit_limit) is one for the whole host,
     * and when it is used up, no container starts. */
    {SYS_setsockopt, EPERM, {IS(1, SOL_SOCKET), IS(2, SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF)}},
    {SYS_seccomp, EPERM, {IS(0, SECCOMP_SET_MODE_FILTER)}},
    {SYS_prctl, EPERM, {IS(0, PR_SET_SECCOMP)}},

    /* With a limit of 1, the container's, the kernel writes no core file, and does not start the host's program
     * for core files either, which runs as root and outside of every limit. With 0, it starts that program.
     * Programs that hold keys set 0 and end if they can't (gpg, ssh-agent). As no core file is what they want,
     * they are told that it is so. */
    {SYS_prlimit64, EPERM, {IS(1, RLIMIT_CORE), GIVEN(2), GIVEN(3)}}, /* it would have to return the old limit */
    {SYS_prlimit64, PRETENDED, {IS(1, RLIMIT_CORE), GIVEN(2)}},
    {SYS_setrlimit, PRETENDED, {IS(0, RLIMIT_CORE)}},

    /* Huge pages count as nobody's memory. */
    {SYS_mmap, EPERM, {HAS(3, MAP_HUGETLB)}},
    {SYS_memfd_create, EPERM, {HAS(1, MFD_HUGETLB)}},
    {SYS_shmget, EPERM, {HAS(2, SHM_HUGETLB)}},

    /* An owner may give files another project, or none, and so evade the quota of the workspace. */
    {SYS_ioctl, EPERM, {IS(1, FS_IOC_FSSETXATTR)}},
    {SYS_ioctl, EPERM, {IS(1, FS_IOC_SETFLAGS)}}, /* takes away that new files get their directory's project */
    {SYS_file_setattr, EPERM, {ANYHOW}},          /* both of these, since Linux 6.17 */

    /* Anybody's socket makes the kernel load the module of its family or protocol. Most of these modules are
     * meant for other machines, and few people look for faults in them. */
    {SYS_socket, ALLOWED, {IS(0, AF_UNIX)}},
    {SYS_socket, ALLOWED, {IS(0, AF_INET, AF_INET6), TYPE(SOCK_STREAM), IS(2, 0, IPPROTO_TCP)}},
    {SYS_socket, ALLOWED,
     {IS(0, AF_INET, AF_INET6), TYPE(SOCK_DGRAM), IS(2, 0, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6)}},
    {SYS_socket, ALLOWED, {IS(0, AF_NETLINK), TYPE(SOCK_RAW, SOCK_DGRAM), IS(2, NETLINK_ROUTE)}}, /* getaddrinfo */
    {SYS_socket, EAFNOSUPPORT, {ANYHOW}},
    {SYS_socketpair, ALLOWED, {IS(0, AF_UNIX)}},
    {SYS_socketpair, EAFNOSUPPORT, {ANYHOW}},
    {SYS_setsockopt, ENOPROTOOPT, {IS(1, IPPROTO_TCP), IS(2, TCP_ULP)}}, /* another protocol on a TCP socket */

    /* A ring makes calls that no filter sees. Profiles of engines before 25 allow rings. */
    {SYS_io_uring_setup, ENOSYS, {ANYHOW}},
};

/* --- the program ------------------------------------------------------------------------------------- */

enum {
  FIRST_OF_X32 = 0x40000000, /* its system calls have other numbers, but the same architecture */
  SOCKET_TYPE_MASK = 0xf,
  TO_NEXT_RULE = 0xff, /* instead of the distance, until the end of the rule is known */
  LONGEST_RULE = 3 + MOST_CONDITIONS * (2 + MOST_VALUES),
};

static struct sock_filter program[6 + LONGEST_RULE * sizeof rules / sizeof *rules + 1];
static unsigned short length;

static void add(unsigned code, uint32_t operand) {
  program[length++] = (struct sock_filter)BPF_STMT((uint16_t)code, operand);
}

/* Goes so many instructions further than the next one, depending on the test. */
static void jump(unsigned test, uint32_t operand, unsigned if_so, unsigned if_not) {
  program[length++] = (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | test | BPF_K), operand, (uint8_t)if_so, (uint8_t)if_not);
}

static void load(size_t offset) {
  add(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static void answer(int with) {
  add(BPF_RET | BPF_K, with == ALLOWED ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)with);
}

static void add_condition(const struct condition *condition) {
  size_t lower = offsetof(struct seccomp_data, args) + condition->argument * sizeof(uint64_t);
  switch (condition->test) {
    case ALWAYS:
      break;
    case TYPE_IS_ONE_OF:
    case IS_ONE_OF:
      load(lower);
      if (condition->test == TYPE_IS_ONE_OF) {
        add(BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE_MASK);
      }
      for (unsigned i = 1; i <= condition->count; i++) {
        unsigned left = condition->count - i;
        jump(BPF_JEQ, condition->values[i - 1], left, left == 0 ? TO_NEXT_RULE : 0);
      }
      break;
    case HAS_BIT:
      load(lower);
      jump(BPF_JSET, condition->values[0], 0, TO_NEXT_RULE);
      break;
    case IS_GIVEN:
      load(lower);
      jump(BPF_JSET, UINT32_MAX, 2, 0);
      load(lower + sizeof(uint32_t));
      jump(BPF_JSET, UINT32_MAX, 0, TO_NEXT_RULE);
      break;
  }
}

/* Begins and goes on to the next rule with the number of the call loaded. */
static void add_rule(const struct rule *rule) {
  unsigned short begin = length;
  jump(BPF_JEQ, (uint32_t)rule->call, 0, 0);
  for (int i = 0; i < MOST_CONDITIONS; i++) {
    add_condition(&rule->when[i]);
  }
  answer(rule->answer);
  for (unsigned short i = begin; i < length; i++) {
    if (program[i].jf == TO_NEXT_RULE) {
      program[i].jf = (uint8_t)(length - i - 1);
    }
  }
  load(offsetof(struct seccomp_data, nr)); /* for those, since conditions load arguments */
  program[begin].jf = (uint8_t)(length - begin - 1);
}

/* Only gVisor's kernel has this file, and nobody in a sandbox can mount something in its place. */
static bool on_gvisor(void) {
  return access("/proc/sentry-meminfo", F_OK) == 0;
}

int filter_load(void) {
  /* Nothing there reaches what the rules are about, and under a filter each fork takes a tenth longer. */
  if (on_gvisor()) {
    return FILTER_NOT_NEEDED;
  }
  /* The rules could be evaded with the calls of another architecture, which have other numbers. */
  load(offsetof(struct seccomp_data, arch));
  jump(BPF_JEQ, ARCHITECTURE, 1, 0);
  answer(ENOSYS);
  load(offsetof(struct seccomp_data, nr));
  jump(BPF_JGE, FIRST_OF_X32, 0, 1);
  answer(ENOSYS);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    add_rule(&rules[i]);
  }
  answer(ALLOWED);
  const struct sock_fprog filter = {.len = length, .filter = program};
  /* Without the flag, kernels before 5.16 slow down everything that runs under a filter, even if the engine has
   * chosen not to. Kernels before 4.17 do not know it. */
  long loaded = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter);
  if (loaded < 0 && errno == EINVAL) {
    loaded = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
  }
  return loaded < 0 ? errno : 0;
}
