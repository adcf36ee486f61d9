package io.zcbot.sandbox.worker.docker;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.BindPropagation;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.MountType;
import com.github.dockerjava.api.model.Ulimit;
import io.zcbot.sandbox.worker.docker.EngineBench.Outcome;
import io.zcbot.sandbox.worker.docker.EngineBench.Started;
import io.zcbot.sandbox.worker.sandbox.Container;
import io.zcbot.sandbox.worker.sandbox.Container.State;
import io.zcbot.sandbox.worker.sandbox.FirewallMode;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every hard limit of a sandbox, as the engine tells it and as an attacker inside meets it. The
 * numbers are those of the security checklist.
 */
@Timeout(120)
@ParameterizedClass
@EnumSource(FirewallMode.class)
class HardLimitsIT {
  /** How a refusal shows: the host's rules reset, those in the sandbox prohibit. */
  private static final String REFUSED =
      "Connection refused|No route to host|Operation not permitted|prohibited";

  @Parameter FirewallMode firewall;
  @TempDir static Path directory;
  private static EngineBench bench;
  private static Started sandbox;
  private static SandboxSpec spec;
  private static boolean rootInside;

  @BeforeParameterizedClassInvocation
  static void setUp(FirewallMode firewall) throws Exception {
    bench = new EngineBench(directory.resolve(firewall.name()), Duration.ofSeconds(20));
    spec = bench.withPolicy(EngineBench.policy(firewall));
    rootInside = firewall != FirewallMode.HOST;
    sandbox = bench.start(spec);
  }

  @AfterParameterizedClassInvocation
  static void tearDown() throws IOException {
    bench.close();
  }

  @Test
  void theEngineHasAllOfThem() {
    InspectContainerResponse inspect = bench.docker.inspectContainerCmd(sandbox.id()).exec();
    HostConfig host = inspect.getHostConfig();

    assertThat(host.getReadonlyRootfs()).isTrue();
    assertThat(host.getPrivileged()).isFalse();
    assertThat(host.getCapDrop()).containsExactly(Capability.ALL);
    if (rootInside) {
      assertThat(host.getCapAdd()).containsExactly(Capability.NET_ADMIN);
      assertThat(inspect.getConfig().getUser()).isEqualTo("0:0");
    } else {
      assertThat(host.getCapAdd()).isNullOrEmpty();
      assertThat(inspect.getConfig().getUser()).isEqualTo("1000:1000");
    }
    assertThat(host.getSecurityOpts()).containsExactly("no-new-privileges:true");
    assertThat(host.getPidsLimit()).isEqualTo(64);
    assertThat(host.getMemory()).isEqualTo(256L << 20);
    assertThat(host.getMemorySwap()).as("memory and swap").isEqualTo(host.getMemory());
    assertThat(host.getNanoCPUs()).isEqualTo(500_000_000);
    assertThat(host.getRestartPolicy().getName()).isEqualTo("no");
    assertThat(host.getInit()).isTrue();
    assertThat(host.getShmSize()).isEqualTo(64L << 20);
    assertThat(host.getOomScoreAdj()).isEqualTo(500);
    assertThat(host.getTmpFs())
        .containsExactly(entry("/tmp", "rw,exec,nosuid,nodev,size=16777216,mode=1777"));
    assertThat(host.getUlimits())
        .containsExactlyInAnyOrder(new Ulimit("nofile", 4096L, 16384L), new Ulimit("core", 0L, 0L));
    assertThat(host.getLogConfig().getType()).isEqualTo(LogConfig.LoggingType.LOCAL);
    assertThat(host.getLogConfig().getConfig())
        .contains(entry("max-size", "1m"), entry("max-file", "1"));
    assertThat(host.getNetworkMode()).isEqualTo(bench.network);
    assertThat(host.getPortBindings())
        .satisfiesAnyOf(
            ports -> assertThat(ports).isNull(),
            ports -> assertThat(ports.getBindings()).isEmpty());
    assertThat(host.getPublishAllPorts()).isFalse();
    assertThat(host.getPidMode()).isEmpty();
    assertThat(host.getIpcMode()).isEqualTo("private");
    assertThat(host.getUtSMode()).isEmpty();
    assertThat(host.getUsernsMode()).isEmpty();
    assertThat(host.getCgroupnsMode()).isEqualTo("private");
    assertThat(host.getBinds()).isNullOrEmpty();
    List<Mount> mounts = requireNonNull(host.getMounts());
    assertThat(mounts).hasSize(1);
    Mount mount = mounts.getFirst();
    assertThat(mount.getType()).isEqualTo(MountType.BIND);
    assertThat(mount.getSource()).isEqualTo(sandbox.workspace().toString());
    assertThat(mount.getTarget()).isEqualTo("/workspace");
    assertThat(requireNonNull(mount.getBindOptions()).getPropagation())
        .isEqualTo(BindPropagation.R_PRIVATE);
    assertThat(inspect.getMounts()).hasSize(1);
    assertThat(inspect.getNetworkSettings().getNetworks()).containsOnlyKeys(bench.network);
    assertThat(inspect.getConfig().getWorkingDir()).isEqualTo("/workspace");
    assertThat(inspect.getConfig().getHostName()).isEqualTo("sandbox");
    assertThat(inspect.getConfig().getEnv()).contains("ZCBOT_PG_IPS=203.0.113.7,198.51.100.0/24");
  }

  /** 1, 5, 7. */
  @Test
  void aCommandHasNoPrivilegeAndCanGetNone() throws Exception {
    Outcome status = bench.attack(sandbox.id(), "cat", "/proc/self/status");
    assertThat(status.output())
        .contains("Uid:\t1000\t1000\t1000\t1000")
        .contains("CapInh:\t0000000000000000")
        .contains("CapPrm:\t0000000000000000")
        .contains("CapEff:\t0000000000000000")
        .contains("CapAmb:\t0000000000000000")
        .contains("NoNewPrivs:\t1")
        .contains("Seccomp:\t2");
    refused("unshare -Ur true", "Operation not permitted");
    assertThat(bench.bash(sandbox.id(), "find / -xdev -perm /6000 -type f 2>/dev/null").output())
        .as("setuid programs")
        .isEmpty();
  }

  /** 2, 3, 4. */
  @Test
  void whatEveryProcessMayDoAtMost() throws Exception {
    String most = rootInside ? "0000000000001000" : "0000000000000000"; // CAP_NET_ADMIN
    String user = rootInside ? "0" : "1000";
    for (String process : List.of("self", "1")) {
      String status = bench.bash(sandbox.id(), "cat /proc/" + process + "/status").output();
      assertThat(status).as(process).contains("CapBnd:\t" + most, "NoNewPrivs:\t1");
    }
    assertThat(bench.bash(sandbox.id(), "cat /proc/1/status").output())
        .contains("Uid:\t%s\t%s\t%s\t%s".formatted(user, user, user, user))
        .contains("CapEff:\t" + most);
    assertThat(bench.run(sandbox.id(), "", "id", "-u").output())
        .as("an exec that names no user")
        .isEqualTo(user);
  }

  /** 6, 11, 12. */
  @Test
  void theRootFileSystemIsReadOnly() throws Exception {
    refused("echo x > /etc/x", "Permission denied|Read-only file system");
    refused("mount -t tmpfs none /workspace", "permission denied|must be superuser|not permitted");
    refused("mknod /workspace/null c 1 3", "Operation not permitted");
    refused("echo x > /proc/sys/kernel/core_pattern", "Read-only file system|Permission denied");
    refused("echo b > /proc/sysrq-trigger", "Read-only file system|Permission denied|No such file");
    // even for root, whom commands never are
    for (String target : List.of("/etc/x", "/usr/x", "/x", "/proc/sys/kernel/core_pattern")) {
      Outcome asRoot = bench.run(sandbox.id(), "0:0", "bash", "-c", "echo x > " + target);
      assertThat(asRoot.exitCode()).isNotZero();
      assertThat(asRoot.output()).contains("Read-only file system");
    }
  }

  /** 13, 14. */
  @Test
  void theHostIsOutOfSight() throws Exception {
    assertThat(
            bench
                .bash(
                    sandbox.id(),
                    "find / -xdev -name 'docker.sock' -o -xdev -name 'containerd.sock' 2>/dev/null")
                .output())
        .isEmpty();
    for (String namespace : List.of("pid", "net", "ipc", "uts", "mnt", "cgroup")) {
      Path ours = Path.of("/proc/self/ns", namespace);
      assertThat(bench.bash(sandbox.id(), "readlink /proc/self/ns/" + namespace).output())
          .as(namespace)
          .startsWith(namespace + ":")
          .isNotEqualTo(Files.readSymbolicLink(ours).toString());
    }
    assertThat(bench.bash(sandbox.id(), "hostname").output()).isEqualTo("sandbox");
  }

  /** 18, 19. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "169.254.169.254",
        "100.100.100.200",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "203.0.113.7",
        "198.51.100.77"
      })
  void privateAddressesAreRefusedAtOnce(String address) throws Exception {
    refused(connect(address, 80), REFUSED);
    // The host's refusal comes as an ICMP message, of which kernels send one address one a second.
    refused(
        "for i in {1..20}; do { echo x >&3 && read -rt 0.3 -u 3; } 3<>/dev/udp/"
            + address
            + "/53; done 2>&1 | grep -m 1 -E 'not permitted|No route'; exit 1",
        "Operation not permitted|No route to host");
  }

  /** 20. */
  @Test
  void thereIsNoIpv6() throws Exception {
    assertThat(
            bench
                .bash(
                    sandbox.id(),
                    "cat /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || echo 1")
                .output())
        .isEqualTo("1");
    refused(connect("fd00::1", 80), "Cannot assign requested address|unreachable|prohibited");
  }

  /** 21. */
  @Test
  void theHostCantBeReachedThroughTheBridge() throws Exception {
    String gateway = requireNonNull(bench.attachment(sandbox.id()).getGateway());
    try (ServerSocket host = new ServerSocket(0)) {
      refused(connect(gateway, host.getLocalPort()), REFUSED);
    }
  }

  /** 22, 23. */
  @Test
  void anotherSandboxCantBeReached() throws Exception {
    Started other = bench.start(spec);
    bench.background(other.id(), "python3", "-m", "http.server", "8000", "--bind", "0.0.0.0");
    String address = requireNonNull(bench.attachment(other.id()).getIpAddress());
    assertThat(
            bench
                .bash(
                    other.id(),
                    "for i in {1..50}; do curl -s -o /dev/null http://"
                        + address
                        + ":8000 && exit 0; sleep 0.1; done; exit 1")
                .exitCode())
        .as("it answers itself")
        .isZero();

    refused(connect(address, 8000), REFUSED);
  }

  /** 27: the rules are in force for whoever comes in after start returned. */
  @Test
  void noCommandCanLiftTheFirewall() throws Exception {
    refused("/usr/sbin/iptables -F OUTPUT", "Permission denied|not permitted|must be root");
    refused("/usr/sbin/nft flush ruleset || false", ".*");
    refused(connect("10.0.0.1", 80), REFUSED);
  }

  /** 28. */
  @Test
  void memoryIsBoundedAndNothingIsSwapped() throws Exception {
    Started victim = bench.start(spec);

    Outcome outcome = bench.python(victim.id(), "x = bytearray(3 << 30)\nprint('got it')");

    assertThat(outcome.exitCode()).isEqualTo(137);
    assertThat(outcome.output()).doesNotContain("got it");
    Container after = bench.engine.find(victim.id()).orElseThrow();
    assertThat(after.state()).as("only the command died").isEqualTo(State.RUNNING);
    assertThat(after.oomKilled()).as("and yet the engine says so").isTrue();
    assertThat(bench.bash(victim.id(), "echo fine").output()).isEqualTo("fine");
    String swap =
        bench
            .bash(
                victim.id(),
                "cat /sys/fs/cgroup/memory.swap.max 2>/dev/null"
                    + " || cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
            .output();
    assertThat(swap).isIn("0", String.valueOf(256L << 20));
  }

  /** 29. */
  @Test
  void tmpAndSharedMemoryAreBounded() throws Exception {
    refused("head -c 20M /dev/zero > /tmp/big", "No space left on device");
    refused("head -c 70M /dev/zero > /dev/shm/big", "No space left on device");
    assertThat(
            bench
                .bash(
                    sandbox.id(),
                    "rm /tmp/big /dev/shm/big; printf '#!/bin/sh\\necho ran' > /tmp/x;"
                        + " chmod +x /tmp/x; /tmp/x; rm /tmp/x")
                .output())
        .isEqualTo("ran");
    assertThat(bench.bash(sandbox.id(), "grep ' /tmp ' /proc/mounts").output())
        .contains("nosuid", "nodev")
        .doesNotContain("noexec");
  }

  /** 30. */
  @Test
  void cpuIsCapped() throws Exception {
    Started busy = bench.start(spec);

    Outcome outcome =
        bench.python(
            busy.id(),
            """
            import os, time
            end = time.monotonic() + 2
            children = [os.fork() for _ in range(3)]
            while time.monotonic() < end: pass
            if 0 in children: os._exit(0)
            for child in children: os.waitpid(child, 0)
            t = os.times()
            print(t.user + t.system + t.children_user + t.children_system)""");

    // half a core for two seconds, and what a period lets one begin with
    double seconds = Double.parseDouble(outcome.output().lines().toList().getLast());
    assertThat(seconds).isLessThan(1.6);
  }

  /** 31, 32. */
  @Test
  void aForkBombIsContained() throws Exception {
    Started bomber = bench.start(spec);

    Outcome outcome =
        bench.python(
            bomber.id(),
            """
            import os, time
            forked = 0
            try:
                while True:
                    if os.fork() == 0:
                        time.sleep(2)
                        os._exit(0)
                    forked += 1
            except OSError as e:
                print(forked, e.errno)""");

    String[] words = outcome.output().split(" ", 2);
    assertThat(Integer.parseInt(words[0])).isBetween(10, 63);
    assertThat(words[1]).as("EAGAIN").isEqualTo("11");
    assertThat(bench.bash(sandbox.id(), "echo fine").output()).as("a neighbour").isEqualTo("fine");

    // the bomber left its children behind: init takes them, and the sandbox is usable again
    Thread.sleep(2500);
    assertThat(bench.bash(bomber.id(), "grep -l '^State:.Z' /proc/[0-9]*/status; true").output())
        .as("zombies")
        .isEmpty();
  }

  /** 33. */
  @Test
  void filesAndCoresAreBounded() throws Exception {
    assertThat(bench.bash(sandbox.id(), "ulimit -Sn; ulimit -Hn; ulimit -Hc").output())
        .isEqualTo("4096\n16384\n0");
  }

  /** 36. */
  @Test
  void theContainersLogIsOutOfReachOrBounded() throws Exception {
    if (rootInside) {
      refused("echo x > /proc/1/fd/1", "Permission denied|No such");
      return;
    }
    // the first process is the user's own, and what it may write is kept in one file of 1 MB
    bench.bash(sandbox.id(), "head -c 6M /dev/zero | tr '\\0' '\\n' > /proc/1/fd/1");
    AtomicLong kept = new AtomicLong();
    bench
        .docker
        .logContainerCmd(sandbox.id())
        .withStdOut(true)
        .withTailAll()
        .exec(
            new ResultCallback.Adapter<Frame>() {
              @Override
              public void onNext(Frame frame) {
                kept.addAndGet(frame.getPayload().length);
              }
            })
        .awaitCompletion();
    assertThat(kept.get()).isLessThan(2_000_000);
  }

  /** 41. */
  @Test
  void theWorkspaceIsTheUsersOwn() throws Exception {
    assertThat(bench.bash(sandbox.id(), "pwd; stat -c '%u:%g %a' .; echo hi > f; cat f").output())
        .isEqualTo("/workspace\n1000:1000 700\nhi");
    assertThat(sandbox.workspace().resolve("f")).hasContent("hi\n");
    assertThat(Files.getAttribute(sandbox.workspace().resolve("f"), "unix:uid")).isEqualTo(1000);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(sandbox.workspace())))
        .isEqualTo("rwx------");
  }

  private static String connect(String address, int port) {
    return "timeout 5 bash -c 'exec 3<>/dev/tcp/" + address + "/" + port + "'";
  }

  /** Fails with one of these words, and is not merely left without an answer. */
  private static void refused(String script, String words) throws InterruptedException {
    Outcome outcome = bench.bash(sandbox.id(), script);
    assertThat(outcome.exitCode()).as(script + ": " + outcome.output()).isNotIn(0L, 124L);
    assertThat(outcome.output()).containsPattern("(?i)" + words);
  }
}
