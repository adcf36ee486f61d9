/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static io.zcbot.sandbox.worker.security.Profile.GVISOR;
import static io.zcbot.sandbox.worker.security.Profile.GVISOR_CLAIMED;
import static io.zcbot.sandbox.worker.security.Profile.RUNC_CLAIMED;
import static io.zcbot.sandbox.worker.security.Profile.RUNC_CONTAINER;
import static io.zcbot.sandbox.worker.security.Profile.RUNC_HOST;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The properties of a sandbox that the tests attack, by number. */
final class Checklist {
  private static final String NEEDS_ROOT =
      "its first process sets the firewall, as root with NET_ADMIN";
  private static final String BEFORE_THE_START =
      "the host's firewall is in force before the first start";

  private static final String RUNNERS_FILTER = "filter of the runner";
  private static final String SEAL = "seal of the network namespace";

  private Checklist() {}

  /**
   * One property.
   *
   * @param attack what is tried, and the only acceptable outcome
   * @param by what gives it
   * @param note what to know about the result; empty if nothing. A row without a test has one.
   * @param apart where the attack or its outcome differs
   */
  record Property(int number, String attack, String by, String note, Map<Profile, Apart> apart) {
    Property {
      apart = Map.copyOf(apart);
    }

    private Property with(Profile profile, Apart more) {
      Map<Profile, Apart> all = new EnumMap<>(Profile.class);
      all.putAll(apart);
      all.put(profile, more);
      if (profile == GVISOR) { // whose kernel is the same in a claimed one
        all.putIfAbsent(GVISOR_CLAIMED, more);
      }
      return new Property(number, attack, by, note, all);
    }

    /** The property holds there in another way. */
    Property otherwise(Profile profile, String how) {
      return with(profile, new Apart(true, how));
    }

    /** There is nothing to attack there, or the property can't hold. */
    Property notOn(Profile profile, String because) {
      return with(profile, new Apart(false, because));
    }
  }

  /** How a profile differs in a row, and whether the row holds there all the same. */
  record Apart(boolean holds, String words) {}

  static final List<Property> ALL =
      List.of(
          row(1, "a command's capabilities are none", "cap-drop ALL"),
          row(2, "a command can't gain a capability: bounding set empty", "no NET_ADMIN inside")
              .notOn(RUNC_CONTAINER, NEEDS_ROOT),
          row(3, "exec without a user is not root", "the sandbox's user")
              .notOn(RUNC_CONTAINER, NEEDS_ROOT),
          row(4, "first process not root", "the sandbox's user").notOn(RUNC_CONTAINER, NEEDS_ROOT),
          row(5, "a setuid program gains nothing", "no-new-privileges"),
          row(6, "write to /etc, /usr: read-only, even for root", "read-only root"),
          row(7, "unshare a user namespace: EPERM", "seccomp, default profile")
              .otherwise(
                  GVISOR,
                  "gVisor's own kernel creates the namespace; on the host, seccomp confines the process that answers its system calls"),
          row(
                  8,
                  "socket(AF_VSOCK), socket(AF_ALG): refused",
                  "seccomp",
                  "AF_ALG host-dependent: the engine's default profile or the kernel must refuse it")
              .otherwise(GVISOR, "gVisor's kernel has neither"),
          row(
                  9,
                  "AppArmor confines where the host has it",
                  "docker-default",
                  "host-dependent: reported by doctor")
              .notOn(GVISOR, "AppArmor sees gVisor's kernel, not the commands in it"),
          row(10, "/proc/kcore, keys, timers, /sys/firmware masked", "engine"),
          row(11, "write core_pattern, sysrq, release_agent: refused, even for root", "engine")
              .otherwise(
                  GVISOR,
                  "sysrq belongs to gVisor's kernel: root may write to it, commands may not"),
          row(12, "mount, mknod: EPERM, even for root", "cap-drop ALL")
              .otherwise(GVISOR, "device nodes can be created, but lead to no device of the host"),
          row(13, "no engine socket inside", "no such mount"),
          row(14, "pid, net, ipc, uts, mount, cgroup namespaces its own", "engine")
              .otherwise(
                  GVISOR,
                  "net, ipc, uts and mount are checked on the host; gVisor's process shares the host's pid and cgroup namespaces, but nothing of them is visible inside"),
          row(
              15,
              "root in a sandbox is not root on the host",
              "userns-remap",
              "host-dependent: reported by doctor"),
          row(
              16,
              "known bad versions of engine and runc: warned of",
              "versions",
              "host-dependent: reported by doctor"),
          row(
              17,
              "no event names a directory, an image or a limit",
              "the contract has no such field"),
          row(18, "metadata, link-local, carrier-grade ranges: refused", "firewall"),
          row(19, "private ranges and ZCBOT_PG_IPS: refused", "firewall"),
          row(20, "IPv6: none", "network, sysctl, firewall"),
          row(21, "the bridge's gateway, any port: refused", "firewall"),
          row(22, "sandbox to sandbox: refused", "no icc, firewall"),
          row(23, "no published ports", "none asked for"),
          row(
              24,
              "DNS only through the resolvers in resolv.conf and what an allow-list names",
              "firewall"),
          row(25, "public addresses: reached", "firewall"),
          row(26, "firewall can't be set: never ready", "init checks its rules"),
          row(27, "not ready before the firewall is in force", "ready line")
              .notOn(RUNC_HOST, BEFORE_THE_START)
              .notOn(RUNC_CLAIMED, BEFORE_THE_START)
              .notOn(GVISOR, BEFORE_THE_START),
          row(28, "memory bomb: killed, nothing swapped", "memory = memory + swap")
              .otherwise(
                  GVISOR,
                  "the whole sandbox ends, because its memory is that of one process on the host"),
          row(29, "filling /tmp, /dev/shm: bounded, sandbox usable after", "sizes")
              .otherwise(GVISOR, "gVisor does not show nosuid and nodev in its list of mounts"),
          row(30, "CPU burn: throttled", "nano cpus"),
          row(31, "fork bomb: contained, neighbours served", "pids limit")
              .otherwise(
                  GVISOR,
                  "the limit counts the threads that the host runs for the sandbox; a sandbox that reaches it may end as a whole"),
          row(32, "300 orphans: reaped", "the first process")
              .otherwise(GVISOR, "60 orphans, because forks are slow on gVisor"),
          row(33, "open files and cores bounded", "ulimits"),
          row(34, "inotify exhausted by one: others have theirs", "a uid of its own")
              .otherwise(
                  RUNC_CONTAINER,
                  "all sandboxes share uid 1000 and so fs.inotify.max_user_instances: others' commands run, but without inotify; reported by doctor")
              .otherwise(
                  GVISOR, "gVisor's kernel counts them for each sandbox, so nobody else loses any"),
          row(
              35,
              "filling /workspace hurts its user only",
              "project quota",
              "host-dependent: requires ZCBOT_WORKSPACE_SIZE and a file system with project quotas;"
                  + " against hostile code on runc also userns-remap; reported by doctor"),
          row(36, "flood of the container's log: bounded", "no log, or local, 1 MiB"),
          row(
              37,
              "block I/O weight: kept, or refused at the start",
              "ZCBOT_SANDBOX_IO_WEIGHT",
              "host-dependent: requires cgroup version 2 and a disk scheduler with weights; reported by doctor"),
          row(38, "invalid user ids: refused before the engine is asked", "UserId"),
          row(39, "two inputs never share a container name", "canonical UUID"),
          row(40, "workspace is a symlink: refused", "no-follow"),
          row(
              41,
              "missing workspace: created by the worker, 0700, shows as the sandbox's own",
              "mount"),
          row(
              42,
              "links in a workspace: never followed by the worker",
              "it opens nothing in there"),
          row(
                  43,
                  "workspace nosuid, nodev",
                  "mount flags of the root",
                  "host-dependent: holds where the root's file system is mounted so")
              .otherwise(
                  GVISOR_CLAIMED,
                  "the claim mounts the workspace nosuid and nodev, which gVisor does not show in its list of mounts; a setuid program placed there gains nothing, even on the host's kernel")
              .otherwise(
                  RUNC_CLAIMED,
                  "the claim mounts the workspace nosuid and nodev, whatever the root's file system")
              .otherwise(
                  GVISOR,
                  "gVisor shows only its own flags in its list of mounts; a setuid program placed there gains nothing, even on the host's kernel"),
          row(
                  44,
                  "weaker container with a sandbox's name: replaced, never reused",
                  "all that the engine reports is compared")
              .otherwise(
                  GVISOR,
                  "gVisor refuses changes while the sandbox runs; changes before its start are noticed"),
          row(
                  45,
                  "what is counted by uid (queued signals, descriptors in flight, pipes, message queues, inotify) used up by one: others have theirs",
                  "a uid of its own",
                  "host-dependent: requires CAP_SYS_ADMIN, a local engine and a file system with idmapped mounts; reported by doctor")
              .notOn(
                  RUNC_CONTAINER,
                  "its commands are uid 1000 in all sandboxes: the engine knows the first process's user only, and that is root")
              .otherwise(GVISOR, "gVisor's kernel counts them for each sandbox as well"),
          row(46, "reverse look-ups of neighbours: no names of other users", SEAL),
          row(47, "absent neighbours: none is looked for, the kernel's table stays free", SEAL),
          row(48, "more flows from one socket than its share: refused", "limits of flows"),
          row(49, "ARP or any frame to a neighbour: none arrives", "no NET_RAW, seal, firewall"),
          row(
                  50,
                  "open files: those of one sandbox bounded, and its memory; those of all compared with fs.file-max",
                  "ulimits, pids limit, memory limit",
                  "host-dependent: reported by doctor")
              .otherwise(
                  GVISOR, "gVisor's kernel opens files itself: the bound of each process is shown"),
          row(
                  51,
                  "output of the first process, read by the engine: no command can write there",
                  "a first process that is not dumpable, or root")
              .otherwise(
                  GVISOR,
                  "gVisor lets commands write there; the worker stays attached and reads 320 KiB a second, and the engine no faster"),
          row(52, "flood of the engine's resolver: takes none of the engine's time", SEAL),
          row(
              53,
              "memory of the kernel, held by sockets: counts as the sandbox's",
              "memory limit, cgroup version 2",
              "host-dependent: requires cgroup version 2, which kills whoever takes a page over the limit; with version 1 what internet sockets hold counts for nobody; either way up to the host's udp_mem and tcp_mem; reported by doctor"),
          row(
              54,
              "a page of a file in the image changed in memory: neither the worker nor the firewall executes it",
              "images without a common layer",
              "host-dependent: doctor compares the images that the host has"),
          row(
              55,
              "files synced all the time: a neighbour's commands take at most twice as long",
              "processor limit, a disk of their own",
              "host-dependent: reported by doctor; what a neighbour syncs itself waits for the disk"),
          row(
              56,
              "a command that hangs holds a place: an hour where others wait for it, a day in any case",
              "eviction, ZCBOT_SANDBOX_MAX_LIFETIME"),
          row(57, "reuse or claim while the rules are gone: not ready", "firewall, watched")
              .notOn(
                  RUNC_CONTAINER,
                  "the rules are in the sandbox's own network namespace, where no command can change them"),
          row(
              58,
              "variables and arguments of processes: nothing of the infrastructure",
              "arguments of init, which the runner replaces"),
          row(
              59,
              "mail: port 25 closed by default; new flows rationed",
              "firewall, limits of flows"),
          row(60, "a line in the log forged by an event's text: one line, escaped", "encoders"),
          row(
                  61,
                  "sockets of AF_ALG, AF_RXRPC, AF_VSOCK by number: refused, or reported",
                  "seccomp; sandbox doctor probes from inside",
                  "host-dependent: reported by doctor")
              .otherwise(GVISOR, "gVisor's kernel has none of them"),
          row(
              62,
              "versions of engine, runc and kernel with holes of 2026; an old list of them: warned of",
              "advisories.txt, ZCBOT_ADVISORIES",
              "host-dependent: reported by doctor"),
          row(
              63,
              "ports that compose.yaml publishes: on the loopback address; engines before 28 warned of",
              "compose.yaml",
              "host-dependent: reported by doctor"),
          row(
              64,
              "another image under the name of the sandboxes' or the firewall's: pulled by digest only, or said",
              "ZCBOT_FIREWALL_IMAGE, doctor, log",
              "host-dependent: reported by doctor"),
          row(
                  65,
                  "the kernel's budget for compiled filters: no command has it compile one",
                  RUNNERS_FILTER)
              .otherwise(
                  GVISOR,
                  "gVisor's kernel accepts filters of sockets, and neither applies them nor passes them on"),
          row(
                  66,
                  "a crash: writes no core file, starts no program of the host",
                  "limit of core files of 1, which the runner's filter keeps",
                  "a core_pattern that names a socket is host-dependent: reported by doctor")
              .notOn(
                  GVISOR,
                  "a crash there is one of gVisor's own kernel, and the host's knows nothing of it"),
          row(
                  67,
                  "more bytes, packets or DNS queries of one flow than a sandbox's share: dropped",
                  "seal, firewall, ZCBOT_SANDBOX_BANDWIDTH")
              .otherwise(
                  RUNC_CONTAINER,
                  "a datagram that the kernel splits into many (UDP_SEGMENT) counts as one packet"),
          row(68, "huge pages: none taken", RUNNERS_FILTER)
              .otherwise(
                  GVISOR, "the pages that gVisor gives instead are ordinary memory of the sandbox"),
          row(
                  69,
                  "sockets of all families and protocols by number: only those that programs need",
                  RUNNERS_FILTER)
              .otherwise(
                  GVISOR, "gVisor's kernel has no others but events of devices, which are its own"),
          row(
                  70,
                  "orphaned TCP connections: those of one sandbox bounded by its memory; those of all compared with tcp_max_orphans",
                  "memory limit",
                  "host-dependent: reported by doctor")
              .notOn(
                  GVISOR,
                  "not tried: gVisor's process alone needs more memory than the attack leaves; its sockets are the host's, so what doctor reports is meant for it, too"),
          row(
                  71,
                  "out-of-memory kills in a loop: a neighbour's commands take at most twice as long",
                  "processor limit",
                  "each kill writes a line to the kernel's log, and takes time of the engine's for its events")
              .otherwise(GVISOR, "the first kill ends the whole sandbox, so there is no loop"),
          row(
              72,
              "an exec with the id of another that has none: refused, or has its own position",
              "ids by position only for what lies there"),
          row(
              73,
              "a page of another site whose name resolves to the ops port or the console (DNS rebinding): refused",
              "names of the Host header"),
          row(
              74,
              "the processes of the console and the demo as Compose starts them: no password but their own, no super user",
              "compose.yaml, compose.sasl.yaml"),
          row(
              75,
              "processes and threads of all sandboxes: compared with kernel.pid_max and threads-max",
              "pids limit",
              "host-dependent: reported by doctor"),
          row(
                  76,
                  "a file counted under another project, to evade the workspace's limit: EPERM",
                  RUNNERS_FILTER)
              .otherwise(GVISOR, "gVisor's kernel knows no projects of files"),
          row(
                  77,
                  "system calls of i386 and x32 programs, and through io_uring, to evade the filter: ENOSYS",
                  RUNNERS_FILTER)
              .otherwise(GVISOR, "gVisor's kernel has none of them"),
          row(
                  78,
                  "a runner that the engine starts beside commands, before it has loaded its filter: neither traced nor written to",
                  "a copy of its program that commands can't read")
              .otherwise(GVISOR, "gVisor needs no filter, and executes only readable files"),
          byName(
              79,
              "egress by name, another name by TLS, Host or a later request, or another port: refused",
              "proxy"),
          byName(
              80, "egress by name, no name or an address in its place: refused", "firewall, proxy"),
          byName(
              81,
              "egress by name, an encrypted name (ECH) or a client hello that servers read otherwise: refused",
              "proxy"),
          byName(
              82,
              "egress by name, CONNECT, HTTP/2 without TLS, another protocol than the port's: refused",
              "proxy"),
          byName(83, "egress by name, UDP such as QUIC: refused", "firewall"),
          byName(
              84,
              "egress by name, an allowed name that resolves to a private, link-local or IPv6 address: not dialled",
              "proxy, which looks names up itself"),
          byName(
              85,
              "egress by name, DNS as a channel, other resolvers, records that name other servers (SVCB, HTTPS): nothing leaves, nothing is answered",
              "firewall, a resolver that asks nobody"),
          byName(
              86,
              "egress by name, another sandbox's source address, a neighbour or a published port that a list covers: refused",
              "no NET_ADMIN, firewall"),
          byName(
              87,
              "egress by name, a flood of refused names, requests and connections: a neighbour's connections take at most twice as long",
              "limits of flows, limits of the proxy"));

  private static Property byName(int number, String attack, String by) {
    return row(number, attack, by).notOn(RUNC_CONTAINER, "names need the rules on the host");
  }

  private static Property row(int number, String attack, String by) {
    return row(number, attack, by, "");
  }

  private static Property row(int number, String attack, String by, String note) {
    return new Property(number, attack, by, note, Map.of());
  }

  static Property of(int number) {
    return ALL.stream().filter(row -> row.number() == number).findFirst().orElseThrow();
  }
}
