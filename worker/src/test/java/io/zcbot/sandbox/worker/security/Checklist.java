package io.zcbot.sandbox.worker.security;

import java.util.List;

/** The properties of a sandbox that are attacked, by number. */
final class Checklist {
  private Checklist() {}

  /**
   * One property.
   *
   * @param attack what is tried, and the only acceptable outcome
   * @param by what gives it
   * @param note what to know about the result; empty if nothing. A row without a test has one.
   */
  record Property(int number, String attack, String by, String note) {}

  static final List<Property> ALL =
      List.of(
          row(1, "a command's capabilities are none", "cap-drop ALL"),
          row(2, "nor can it get any: bounding set empty", "no NET_ADMIN inside"),
          row(3, "exec without a user is not root", "user 1000"),
          row(4, "first process not root", "user 1000"),
          row(5, "a setuid program gains nothing", "no-new-privileges"),
          row(6, "write to /etc, /usr: read-only, even for root", "read-only root"),
          row(7, "unshare a user namespace: EPERM", "seccomp, default profile"),
          row(
              8,
              "socket(AF_VSOCK), socket(AF_ALG): refused",
              "seccomp",
              "AF_ALG host-dependent: the engine's default profile or the kernel must refuse it"),
          row(
              9,
              "AppArmor confines where the host has it",
              "docker-default",
              "host-dependent: reported by doctor"),
          row(10, "/proc/kcore, keys, timers, /sys/firmware masked", "engine"),
          row(11, "write core_pattern, sysrq, release_agent: refused, even for root", "engine"),
          row(12, "mount, mknod: EPERM, even for root", "cap-drop ALL"),
          row(13, "no engine socket inside", "no such mount"),
          row(14, "pid, net, ipc, uts, mount, cgroup namespaces its own", "engine"),
          row(15, "uid map", "userns-remap", "host-dependent: reported by doctor"),
          row(
              16,
              "engine and runc not known bad",
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
          row(24, "DNS only through the resolvers in resolv.conf", "firewall"),
          row(25, "public addresses: reached", "firewall"),
          row(26, "firewall can't be set: never ready", "init checks its rules"),
          row(27, "not ready before the firewall is in force", "ready line"),
          row(28, "memory bomb: killed, nothing swapped", "memory = memory + swap"),
          row(29, "filling /tmp, /dev/shm: bounded, sandbox usable after", "sizes"),
          row(30, "CPU burn: throttled", "nano cpus"),
          row(31, "fork bomb: contained, neighbours served", "pids limit"),
          row(32, "300 orphans: reaped", "init process"),
          row(33, "open files and cores bounded", "ulimits"),
          row(
              34,
              "inotify exhausted by one: others' commands run",
              "host's limit",
              "documented limit: all sandboxes share uid 1000 and so fs.inotify.max_user_instances;"
                  + " reported by doctor"),
          row(
              35,
              "filling /workspace hurts its user only",
              "project quota",
              "host-dependent: reported by doctor"),
          row(36, "flood of the container's log: bounded", "log driver local, 1 MiB"),
          row(
              37,
              "block I/O weight",
              "none set",
              "host-dependent: needs an I/O scheduler with weights; weigh the engine's cgroup parent"),
          row(38, "bad user ids: refused before the engine", "UserId"),
          row(39, "two inputs never share a container name", "canonical UUID"),
          row(40, "workspace is a symlink: refused", "no-follow"),
          row(
              41,
              "a missing workspace is made by us, 0700, uid 1000; never by the engine",
              "mount"),
          row(42, "links in a workspace are never followed by us", "nothing walks in"),
          row(
              43,
              "workspace nosuid, nodev",
              "mount flags of the root",
              "host-dependent: holds where the root's file system is mounted so"),
          row(44, "same name, weaker: replaced, never reused", "all the engine tells is compared"));

  private static Property row(int number, String attack, String by) {
    return row(number, attack, by, "");
  }

  private static Property row(int number, String attack, String by, String note) {
    return new Property(number, attack, by, note);
  }

  static Property of(int number) {
    return ALL.get(number - 1);
  }
}
