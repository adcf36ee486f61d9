/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.base.DiskSpace;
import io.zcbot.sandbox.worker.doctor.Finding.Level;
import io.zcbot.sandbox.worker.mounts.FileSystemSpace;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostChecksTest {
  private static final List<String> OF_ROOT = status(0, "000001ffffffffff");

  private static List<String> status(int user, String capabilities) {
    String ids = ":\t%1$d\t%1$d\t%1$d\t%1$d".formatted(user);
    return List.of("Name:\tjava", "Uid" + ids, "Gid" + ids, "CapEff:\t" + capabilities);
  }

  @Test
  void aRootThatOthersCanWriteToFails(@TempDir Path directory) throws Exception {
    Path root =
        Files.createDirectory(
            directory.resolve("root"),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    assertThat(WorkspaceChecks.root(root, OF_ROOT).level()).isEqualTo(Level.OK);
    assertThat(WorkspaceChecks.root(root.resolve("made/later"), OF_ROOT).level())
        .isEqualTo(Level.OK);
    Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwxrwxr-x"));
    assertThat(WorkspaceChecks.root(root, OF_ROOT))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.FAIL))
        .satisfies(f -> assertThat(f.fix()).contains("chmod go-w"));
  }

  @Test
  void theSpaceForWorkspacesIsMeasured(@TempDir Path root) throws Exception {
    DiskSpace space = FileSystemSpace.of(root);
    assertThat(space.bytes()).isEqualTo(Files.getFileStore(root).getTotalSpace());
    assertThat(space.freeBytes()).isBetween(1L, space.bytes());
    assertThat(space.inodes())
        .isEqualTo(Long.parseLong(Commands.run("stat", "-f", "-c", "%c", root.toString()).strip()));
    assertThat(space.freeInodes()).isLessThanOrEqualTo(space.inodes());
    assertThat(WorkspaceChecks.space(root.resolve("made/later")).level()).isEqualTo(Level.OK);
    assertThatThrownBy(() -> FileSystemSpace.of(root.resolve("absent")))
        .hasMessageContaining("absent can't be read");
    // No file system for programs has room for files.
    assertThat(WorkspaceChecks.space(Path.of("/sys")))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.FAIL))
        .satisfies(f -> assertThat(f.detail()).contains("has 0 MiB left", "new users are refused"))
        .satisfies(f -> assertThat(f.fix()).contains("make room"));
  }

  /** The worker refuses it, but makes its root in one, such as /tmp. */
  @Test
  void aRootThatOthersCanWriteToFailsThoughItIsSticky(@TempDir Path directory) throws Exception {
    Path root = Files.createDirectory(directory.resolve("root"));
    Files.setAttribute(root, "unix:mode", 01777);
    assertThat(WorkspaceChecks.root(root, OF_ROOT).level()).isEqualTo(Level.FAIL);
    assertThatThrownBy(() -> Workspaces.open(root)).hasMessageContaining("chmod go-w");
    assertThat(WorkspaceChecks.root(root.resolve("made/later"), OF_ROOT).level())
        .isEqualTo(Level.OK);
  }

  /** Root may write everywhere, but not make a directory below a file. */
  @Test
  void aRootThatThisProcessCanNotMakeFails(@TempDir Path directory) throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    assertThat(WorkspaceChecks.root(file.resolve("made/later"), OF_ROOT))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.FAIL))
        .satisfies(f -> assertThat(f.fix()).contains("as root", "ZCBOT_WORKSPACE_ROOT"));
  }

  @Test
  void whoCanNotGiveWorkspacesToTheSandboxesUserIsWarned(@TempDir Path root) {
    String none = "0000000000000000";
    assertThat(WorkspaceChecks.root(root, status(1001, none)))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("CAP_CHOWN"))
        .satisfies(f -> assertThat(f.fix()).contains("as root"));
    assertThat(WorkspaceChecks.root(root, status(0, none)).level()).isEqualTo(Level.WARN);
    assertThat(WorkspaceChecks.root(root, status(0, "0000000000000009")).level())
        .isEqualTo(Level.OK);
    assertThat(WorkspaceChecks.root(root, status(1000, none)).level())
        .as("whose files are the sandboxes' user's anyway")
        .isEqualTo(Level.OK);
  }

  @Test
  void aDiskThatTheEngineSharesIsWarnedOf(@TempDir Path root) {
    assertThat(WorkspaceChecks.disk(root.resolve("later"), root).level()).isEqualTo(Level.WARN);
    assertThat(WorkspaceChecks.disk(root, Path.of("/proc")).level()).isEqualTo(Level.OK);
    assertThat(WorkspaceChecks.disk(root, root.resolve("nowhere")).level()).isEqualTo(Level.OK);
  }

  /** Shared memory never has project quotas, whatever the machine's disks have. */
  @Test
  void aLimitThatCanNotBeHadFails() {
    Path root = Path.of("/dev/shm/zcbot/made/later");
    assertThat(WorkspaceChecks.quota(root, null))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("tmpfs at /dev/shm", "fill the disk"))
        .satisfies(f -> assertThat(f.fix()).contains("prjquota", "ZCBOT_WORKSPACE_SIZE"));
    assertThat(WorkspaceChecks.quota(root, WorkspaceLimit.of(10L << 30, 0)))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.FAIL))
        .satisfies(f -> assertThat(f.detail()).contains("10240 MiB", "no project quotas"))
        .satisfies(f -> assertThat(f.fix()).contains("unset ZCBOT_WORKSPACE_SIZE"));
  }

  @Test
  void clocks() {
    Instant asked = Instant.parse("2026-11-24T12:00:00Z");
    Instant answered = asked.plusSeconds(1);
    assertThat(ClockChecks.of("c", "it", asked, answered, asked.plusMillis(500)).level())
        .isEqualTo(Level.OK);
    assertThat(ClockChecks.of("c", "it", asked, answered, answered.plusSeconds(1)).level())
        .isEqualTo(Level.OK);
    assertThat(ClockChecks.of("c", "it", asked, answered, asked.minusSeconds(5)))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("5.0 s behind"));
    assertThat(ClockChecks.of("c", "it", asked, answered, answered.plusSeconds(40)))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.FAIL))
        .satisfies(f -> assertThat(f.detail()).contains("40.0 s ahead"));
    assertThat(ClockChecks.of("c", "it", asked, answered, null).level()).isEqualTo(Level.WARN);
  }

  @Test
  void mountingTakesTheCapability() {
    List<String> may = List.of("Name:\tjava", "CapEff:\t0000000000200000");
    List<String> mayNot = List.of("CapPrm:\t0000000000200000", "CapEff:\t0000000000000009");
    assertThat(ProcessChecks.warmSlots(2, may).level()).isEqualTo(Level.OK);
    assertThat(ProcessChecks.warmSlots(2, mayNot).level()).isEqualTo(Level.WARN);
    assertThat(ProcessChecks.warmSlots(0, mayNot).level()).isEqualTo(Level.OK);
  }

  @Test
  void inotifyIsCountedForAllSandboxesTogether() {
    assertThat(ProcessChecks.inotify(64, 4096).level()).isEqualTo(Level.OK);
    assertThat(ProcessChecks.inotify(64, 128))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.fix()).endsWith("max_user_instances=4096"));
  }

  /** Files of /proc/sys tell all that they have to the first read, however small it is. */
  @Test
  void settingsOfTheKernelAreReadWhole() {
    NetworkPolicy open = NetworkPolicy.DEFAULT;
    ResourceLimits limits = new ResourceLimits(1 << 30, 1, 10, 1 << 20, null, null);
    List<Finding> findings = new ArrayList<>(HostCounters.of(1, limits));
    findings.add(HostCounters.orphans(1, limits));
    findings.add(HostCounters.processes(1, limits));
    findings.add(ProcessChecks.openFiles(1, 1));
    findings.add(ProcessChecks.connections(1, open));
    findings.add(ProcessChecks.inotify(1, true));
    findings.add(ProcessChecks.socketMemory(1));
    assertThat(findings)
        .extracting(Finding::detail)
        .allSatisfy(detail -> assertThat(detail).doesNotContainPattern("(has|use|hold) \\d\\b"));
  }

  @Row(50)
  @Test
  void filesAreCountedForAllSandboxesTogether() {
    assertThat(ProcessChecks.openFiles(64, 256, BigInteger.TWO.pow(63)).level())
        .isEqualTo(Level.OK);
    assertThat(ProcessChecks.openFiles(20, 10, BigInteger.valueOf(819_199)))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("20 sandboxes together can"))
        .satisfies(f -> assertThat(f.fix()).contains("fs.file-max=819200"));
    assertThat(ProcessChecks.openFiles(20, 10, BigInteger.valueOf(40_959)).detail())
        .contains("one sandbox can");
  }

  @Test
  void terminalsAreCountedForAllSandboxesTogether() {
    ResourceLimits limits = new ResourceLimits(1 << 30, 1, 10, 1 << 20, null, null);
    assertThat(HostCounters.terminals(64, limits, 2_622_464, 1024).level()).isEqualTo(Level.OK);
    assertThat(HostCounters.terminals(64, limits, 2_622_463, 1024))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("64 sandboxes", "the host has 2621439"))
        .satisfies(f -> assertThat(f.detail()).doesNotContain("one sandbox can"))
        .satisfies(f -> assertThat(f.fix()).contains("sysctl -w kernel.pty.max=2622464;"));
    assertThat(HostCounters.terminals(64, limits, 4096, 1024).detail()).contains("one sandbox can");
    // one process more would hold no more: there is no memory for them
    ResourceLimits small = new ResourceLimits(20_480 * 2048, 1, 10, 1 << 20, null, null);
    assertThat(HostCounters.terminals(64, small, 4096, 1024).fix()).contains("pty.max=1311744;");
    // the kernel takes no higher number
    ResourceLimits large = new ResourceLimits(1L << 50, 1, 1 << 20, 1 << 20, null, null);
    assertThat(HostCounters.terminals(64, large, 4096, 1024).fix()).contains("pty.max=2147483647;");
    assertThat(HostCounters.terminals(64, large, Integer.MAX_VALUE, 1024).level())
        .isEqualTo(Level.OK);
  }

  @Test
  void asynchronousIoIsCountedForAllSandboxesTogether() {
    ResourceLimits limits = new ResourceLimits(1 << 20, 1, 10, 1 << 20, null, null);
    assertThat(HostCounters.asynchronousIo(2, limits, 32_768).level()).isEqualTo(Level.OK);
    assertThat(HostCounters.asynchronousIo(2, limits, 32_767))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("2 sandboxes", "the host has 32767"))
        .satisfies(f -> assertThat(f.detail()).doesNotContain("one sandbox can"))
        .satisfies(f -> assertThat(f.fix()).contains("sysctl -w fs.aio-max-nr=32768;"));
    assertThat(HostCounters.asynchronousIo(2, limits, 16_384).detail()).contains("one sandbox can");
  }

  @Row(66)
  @Test
  void whatACrashStartsIsWarnedOf() {
    assertThat(HostCounters.coreDumps("core").level()).isEqualTo(Level.OK);
    assertThat(HostCounters.coreDumps("|/usr/share/apport/apport -p%p"))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("starts /usr/share/apport/apport as root"))
        .satisfies(f -> assertThat(f.fix()).contains("sysctl -w kernel.core_pattern=core"));
    assertThat(HostCounters.coreDumps("@@/run/coredump.socket"))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("/run/coredump.socket", "whatever"));
  }

  @Row(68)
  @Test
  void hugePagesAreWarnedOf(@TempDir Path sizes) throws Exception {
    assertThat(HostCounters.hugePages(sizes.resolve("none")).level()).isEqualTo(Level.OK);
    for (String size : List.of("hugepages-2048kB", "hugepages-1048576kB")) {
      Path pages = Files.createDirectory(sizes.resolve(size));
      Files.writeString(pages.resolve("nr_hugepages"), "0\n");
      Files.writeString(pages.resolve("nr_overcommit_hugepages"), "0\n");
    }
    assertThat(HostCounters.hugePages(sizes).level()).isEqualTo(Level.OK);
    Files.writeString(sizes.resolve("hugepages-2048kB/nr_hugepages"), "12\n");
    Files.writeString(sizes.resolve("hugepages-1048576kB/nr_overcommit_hugepages"), "1\n");
    assertThat(HostCounters.hugePages(sizes))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).startsWith("1048 MiB of huge pages"))
        .satisfies(f -> assertThat(f.fix()).contains("vm.nr_hugepages=0", "hugetlb"));
  }

  @Row(70)
  @Test
  void orphanedConnectionsAreCountedForAllSandboxesTogether() {
    ResourceLimits limits = new ResourceLimits(1 << 20, 1, 10, 1 << 20, null, null);
    assertThat(HostCounters.orphans(64, limits, 32_768).level()).isEqualTo(Level.OK);
    assertThat(HostCounters.orphans(64, limits, 32_767))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("64 sandboxes", "the host has 32767"))
        .satisfies(f -> assertThat(f.detail()).doesNotContain("one sandbox can"))
        .satisfies(f -> assertThat(f.fix()).contains("net.ipv4.tcp_max_orphans=32768;"));
    assertThat(HostCounters.orphans(64, limits, 512).detail()).contains("one sandbox can");
    // the kernel takes no higher number
    ResourceLimits large = new ResourceLimits(1L << 50, 1, 10, 1 << 20, null, null);
    assertThat(HostCounters.orphans(64, large, 512).fix()).contains("_orphans=2147483647;");
  }

  @Row(75)
  @Test
  void processesAreCountedForAllSandboxesTogether() {
    ResourceLimits limits = new ResourceLimits(1 << 30, 1, 256, 1 << 20, null, null);
    assertThat(HostCounters.processes(64, limits, 20_480, 20_480).level()).isEqualTo(Level.OK);
    assertThat(HostCounters.processes(64, limits, 20_479, 192_730))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("can run 16384", "the host has 20479"))
        .satisfies(f -> assertThat(f.fix()).startsWith("sysctl -w kernel.pid_max=20480, or"));
    assertThat(HostCounters.processes(64, limits, 32_768, 16_384).fix())
        .startsWith("sysctl -w kernel.threads-max=20480, or");
  }

  @Test
  void connectionsAreCountedForAllSandboxesTogether() {
    NetworkPolicy open = NetworkPolicy.DEFAULT;
    assertThat(ProcessChecks.connections(64, open, 1_062_145).level()).isEqualTo(Level.OK);
    assertThat(ProcessChecks.connections(64, open, 1_062_144))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("64 sandboxes", "1062144"))
        .satisfies(
            f ->
                assertThat(f.fix())
                    .contains("sysctl -w net.netfilter.nf_conntrack_max=1062145")
                    .contains("ZCBOT_SANDBOX_FLOWS", "ZCBOT_SANDBOX_FLOW_RATE"));
    NetworkPolicy closed =
        new NetworkPolicy(FirewallMode.HOST, new Egress.None(), new Dns.EngineDefault(), List.of());
    assertThat(ProcessChecks.connections(64, closed, 1).level()).isEqualTo(Level.OK);
  }

  @Row(53)
  @Test
  void whatSocketsHoldAtMostIsComparedWithTheHostsMemory() {
    List<String> memory = List.of("MemTotal:       16777216 kB", "MemFree: 1 kB");
    assertThat(ProcessChecks.socketMemory(1, "1 2 131072", "1 2 262144", memory))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.OK))
        .satisfies(f -> assertThat(f.detail()).contains("1536 MiB"));
    assertThat(ProcessChecks.socketMemory(1, "383868\t511826\t767736\n", "1 2 383868\n", memory))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("4498 MiB", "no sandbox"))
        .satisfies(
            f ->
                assertThat(f.fix())
                    .contains(
                        "net.ipv4.udp_mem='65536 98304 131072'",
                        "net.ipv4.tcp_mem='131072 196608 262144'"));
    assertThat(ProcessChecks.socketMemory(2, "1 2 383868", "1 2 767736", memory))
        .satisfies(f -> assertThat(f.level()).isEqualTo(Level.WARN))
        .satisfies(f -> assertThat(f.detail()).contains("4498 MiB", "not refused"));
    assertThat(ProcessChecks.socketMemory(1, "what", "1 2 3", memory).level())
        .isEqualTo(Level.WARN);
  }
}
