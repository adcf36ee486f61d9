/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Volume;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Which parts of the host's kernel and files can be reached. Also tried as root, although commands
 * never run as root.
 */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@Order(14)
class KernelSurfaceIT extends Attacks {
  private static final String ROOT = "0:0";
  private static final String UNCONFINED = "seccomp=unconfined";
  private static final String NOT_THERE = "|no such file";
  private static final String UNKNOWN = "address family not supported";
  private static final String DENIED = "read-only file system|permission denied|not permitted";

  @Row(6)
  @Test
  void theSystemIsReadOnly() throws Exception {
    refused(lab.sandbox.id(), "echo x > /etc/x", DENIED);
    for (String target : List.of("/etc/x", "/usr/x", "/usr/local/bin/bash", "/x", "/var/x")) {
      refused(lab.sandbox.id(), ROOT, "echo x > " + target, "read-only file system");
    }

    String control = lab.without(host -> host.withReadonlyRootfs(false).withCapDrop());
    succeeds(control, ROOT, "echo x > /etc/x && echo x > /usr/x");
  }

  @Row(7)
  @Test
  void noNamespaceCanBeMade() throws Exception {
    String control =
        lab.exposed(host -> host.withSecurityOpts(List.of("no-new-privileges:true", UNCONFINED)));
    if (profile.ownKernel()) {
      // One of its own kernel's, which the host knows nothing of: what counts is that the host's
      // filter confines the process that answers its system calls.
      assertThat(seccompMode(lab.pid(lab.sandbox.id()))).isEqualTo("2");
      assertThat(seccompMode(lab.pid(control))).isEqualTo("0");
      return;
    }
    refused(lab.sandbox.id(), "unshare -Ur true", "not permitted");
    assertThat(said(lab.sandbox.id(), "grep ^Seccomp: /proc/self/status")).endsWith("\t2");
    succeeds(control, "unshare -Ur true");
  }

  private static String seccompMode(long pid) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
        .filter(line -> line.startsWith("Seccomp:"))
        .map(line -> line.substring(line.indexOf('\t') + 1))
        .findFirst()
        .orElseThrow();
  }

  private static String socket(int family, String type) {
    return "python3 -c 'import socket; socket.socket(%d, socket.%s)'".formatted(family, type);
  }

  @Row(8)
  @Test
  void noSocketLeadsToTheHypervisor() throws Exception {
    String vsock = socket(40, "SOCK_STREAM");
    String control = lab.exposed(host -> host.withSecurityOpts(List.of(UNCONFINED)));
    assumeTrue(
        lab.fixture.bash(control, vsock).exitCode() == 0,
        "the host's kernel has no AF_VSOCK to deny");
    refused(lab.sandbox.id(), vsock, profile.ownKernel() ? UNKNOWN : "not permitted");
  }

  @Row(8)
  @Test
  void noSocketLeadsToTheKernelsCiphers() throws Exception {
    String alg = socket(38, "SOCK_SEQPACKET");
    String control = lab.exposed(host -> host.withSecurityOpts(List.of(UNCONFINED)));
    assumeTrue(
        lab.fixture.bash(control, alg).exitCode() == 0, "the host's kernel has no AF_ALG to deny");
    refused(lab.sandbox.id(), alg, profile.ownKernel() ? UNKNOWN : "not permitted");
  }

  private static final Map<String, String> FAMILIES =
      Map.of(
          "AF_ALG", socket(38, "SOCK_SEQPACKET"),
          "AF_RXRPC", socket(33, "SOCK_DGRAM, 2"),
          "AF_VSOCK", socket(40, "SOCK_STREAM"));

  /** By number, for libc knows not all of them. What an engine lets through, the doctor tells. */
  @Row(61)
  @Test
  void socketsThatNobodyNeedsAreRefusedOrReported() throws Exception {
    String control = lab.exposed(host -> host.withSecurityOpts(List.of(UNCONFINED)));
    List<String> possible = new ArrayList<>();
    List<String> open = new ArrayList<>();
    for (Map.Entry<String, String> family : FAMILIES.entrySet()) {
      if (lab.fixture.bash(control, family.getValue()).exitCode() == 0) {
        possible.add(family.getKey());
      }
      if (lab.fixture.bash(lab.sandbox.id(), family.getValue()).exitCode() == 0) {
        open.add(family.getKey());
      }
    }
    System.out.printf("%s: sockets %s of %s%n", profile, open, possible);
    assertThat(lab.fixture.sandboxes(lab.spec).probe().openSockets())
        .as("what the doctor reports")
        .containsExactlyInAnyOrderElementsOf(open);
    assumeTrue(!possible.isEmpty(), "the host's kernel has none of these families");
    assertThat(possible).containsAll(open);
  }

  @Row(9)
  @Test
  void appArmorConfines() throws Exception {
    applies(9);
    Path enabled = Path.of("/sys/module/apparmor/parameters/enabled");
    assumeTrue(
        Files.exists(enabled) && Files.readString(enabled).startsWith("Y"),
        "the host has no AppArmor: reported by doctor");
    String profileOf = "cat /proc/self/attr/current";
    assertThat(said(lab.sandbox.id(), profileOf)).isEqualTo("docker-default (enforce)");

    String control = lab.without(host -> host.withSecurityOpts(List.of("apparmor=unconfined")));
    assertThat(said(control, profileOf)).isEqualTo("unconfined");
  }

  @Row(10)
  @Test
  void theKernelsMemoryAndKeysAreMasked() throws Exception {
    // Whatever of it this kernel has; an empty device or directory lies over each.
    String look =
        "for f in /proc/{kcore,keys,latency_stats,timer_list,sched_debug} /sys/firmware/*/*; do"
            + " head -c 16 $f 2>/dev/null; done | wc -c";
    assertThat(lab.fixture.run(lab.sandbox.id(), ROOT, "bash", "-c", look).output()).isEqualTo("0");
    assertThat(
            said(
                lab.sandbox.id(),
                "ls /sys/firmware /proc/scsi /proc/acpi 2>/dev/null | grep -v :; true"))
        .isBlank();

    String control = lab.exposed(host -> host.withPrivileged(true));
    assertThat(lab.fixture.run(control, ROOT, "bash", "-c", look).output()).isNotEqualTo("0");
  }

  @Row(11)
  @Test
  void theKernelTakesNoOrders() throws Exception {
    // Opened for writing, and nothing written: the control must not harm the host.
    List<String> orders =
        Stream.of(
                "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger")
            .filter(file -> Files.exists(Path.of(file)))
            .map(file -> ": >> " + file)
            .toList();
    assertThat(orders).isNotEmpty();
    String control = lab.exposed(host -> host.withPrivileged(true));
    for (String order : orders) {
      refused(lab.sandbox.id(), order, profile.ownKernel() ? DENIED + NOT_THERE : DENIED);
      // its own kernel takes root's, and acts on itself alone
      if (!profile.ownKernel()) {
        refused(lab.sandbox.id(), ROOT, order, DENIED);
      }
      succeeds(control, ROOT, order);
    }
    // What CVE-2022-0492 was about: a cgroup of one's own and its say in what the host runs.
    String release =
        "mkdir -p /tmp/c && { mount -t cgroup -o devices none /tmp/c || mount -t cgroup2 none /tmp/c; }"
            + " && for f in /tmp/c/release_agent /tmp/c/cgroup.subtree_control; do"
            + " [[ ! -e $f ]] || { : >> $f && exit 0; }; done; exit 1";
    String shared = lab.exposed(host -> host.withPrivileged(true).withCgroupnsMode("host"));
    refused(lab.sandbox.id(), ROOT, release, DENIED + "|must be superuser");
    succeeds(shared, ROOT, release);
  }

  @Row(12)
  @Test
  void nothingCanBeMountedAndNoDeviceMade() throws Exception {
    String mount = "mount -t tmpfs none /workspace && umount /workspace";
    // A kernel of its own makes nodes for all: of devices of its own.
    String kmsg = "d=/tmp; [[ ! -w /dev ]] || d=/dev; mknod $d/k c 1 11 && head -n 1 $d/k";
    String mknod = "mknod /tmp/null c 1 3 && rm /tmp/null";
    String control = lab.exposed(host -> host.withPrivileged(true));
    for (String user : List.of(lab.fixture.agent(lab.sandbox.id()), ROOT)) {
      refused(lab.sandbox.id(), user, mount, "permission denied|must be superuser|not permitted");
      refused(
          lab.sandbox.id(),
          user,
          profile.ownKernel() ? kmsg : mknod,
          "not permitted|no such device");
    }
    succeeds(control, ROOT, mount);
    succeeds(control, ROOT, mknod);
    succeeds(control, ROOT, kmsg);
  }

  @Row(13)
  @Test
  void noEngineSocketIsInside() throws Exception {
    String search = "find / -name docker.sock -o -name containerd.sock 2>/dev/null; true";
    assertThat(lab.fixture.run(lab.sandbox.id(), ROOT, "bash", "-c", search).output()).isEmpty();
    assertThat(said(lab.sandbox.id(), "env")).doesNotContain("DOCKER_HOST");

    String control =
        lab.without(
            host ->
                host.withBinds(
                    new Bind(
                        "/var/run/docker.sock", new Volume("/run/docker.sock"), AccessMode.ro)));
    assertThat(lab.fixture.run(control, ROOT, "bash", "-c", search).output()).isNotEmpty();
  }

  @Row(14)
  @Test
  void itsNamespacesAreItsOwn() throws Exception {
    String control =
        lab.control(
            command -> {
              lab.onHostsKernel(command.getHostConfig());
              command
                  .withHostName("")
                  .getHostConfig()
                  .withPidMode("host")
                  .withIpcMode("host")
                  .withUtSMode("host")
                  .withNetworkMode("host")
                  .withSysctls(Map.of());
            },
            lab.sandbox);
    // gVisor's process shares the host's of pids, but shows none of them inside.
    for (String namespace :
        profile.ownKernel() ? List.of("net", "ipc", "uts") : List.of("pid", "net", "ipc", "uts")) {
      String hosts = lab.onHost("readlink", "/proc/self/ns/" + namespace).strip();
      assertThat(namespace(lab.sandbox.id(), namespace)).as(namespace).isNotEqualTo(hosts);
      assertThat(namespace(control, namespace)).as(namespace + ", shared").isEqualTo(hosts);
    }
    // gVisor's process is in the host's cgroup namespace, but shows nothing of it inside.
    for (String namespace : profile.ownKernel() ? List.of("mnt") : List.of("mnt", "cgroup")) {
      assertThat(namespace(lab.sandbox.id(), namespace))
          .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns", namespace)).toString());
    }
    String processes = "echo /proc/[0-9]* | wc -w";
    assertThat(said(lab.sandbox.id(), processes)).matches("[1-9]");
    assertThat(said(control, processes)).matches("[1-9][0-9]+");
    assertThat(said(lab.sandbox.id(), "hostname")).isEqualTo("sandbox");
  }

  /** A namespace as the host sees it: a kernel of its own numbers its own namespaces. */
  private String namespace(String container, String kind) throws IOException {
    return Files.readSymbolicLink(Path.of("/proc/" + lab.pid(container) + "/ns", kind)).toString();
  }
}
