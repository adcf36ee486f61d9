/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.WorkspaceQuota;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.WorkspaceLimit;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Commands.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/** The scenarios on a disk with project quotas, each in its own root, as root and as users. */
final class QuotaScenarios {
  private static final long MIB = 1 << 20;
  private static final WorkspaceLimit LIMIT = WorkspaceLimit.of(16 * MIB, 0);

  private final QuotaDisk disk;
  private final Path point;
  private final Path root;
  private final UserId anna = new UserId(UUID.randomUUID());
  private final UserId ben = new UserId(UUID.randomUUID());

  QuotaScenarios(QuotaDisk disk, Path point, String name) throws IOException {
    this.disk = disk;
    this.point = point;
    this.root = Files.createDirectory(point.resolve(name));
  }

  void aFullWorkspaceIsFullForItsUserOnly() throws Exception {
    Path full = prepare(anna, limited(LIMIT));
    Path other = prepare(ben, limited(LIMIT));

    assertIsFull(write(full, "fill", 64));

    assertThat(mib(full)).isBetween(14L, 16L);
    assertThat(write(full, "more", 1).exitCode()).as("nothing more goes in").isNotZero();
    assertWorks(write(other, "file", 12));
    assertWorks(as(full, "rm fill && echo kept > file"));
  }

  void withoutALimitAFillGoesOn() throws Exception {
    Path full = prepare(anna, WorkspaceQuota.NONE);

    assertWorks(write(full, "fill", 24));

    assertThat(mib(full)).isGreaterThanOrEqualTo(24);
    assertThat(mark(full)).isEqualTo(new Projects.Mark(0, false));
    assertWorks(as(full, "rm fill"));
  }

  void directoriesAndLinksCountAsFilesDo() throws Exception {
    WorkspaceLimit few = WorkspaceLimit.of(16 * MIB, 100);
    Path full = prepare(anna, limited(few));
    Path other = prepare(ben, limited(few));

    assertWorks(as(full, "mkdir d && for i in $(seq 40); do mkdir d/$i && ln -s x d/l$i; done"));
    assertIsFull(as(full, "for i in $(seq 40); do echo > d/f$i || exit 1; done"));

    assertThat(files(full)).isEqualTo(100);
    assertWorks(as(other, "for i in $(seq 90); do echo > $i || exit 1; done"));
  }

  void theLimitOutlivesAMountAndAWorker() throws Exception {
    Path full = prepare(anna, limited(LIMIT));
    assertWorks(write(full, "first", 8));
    Projects.Mark before = mark(full);

    remount("prjquota");

    assertIsFull(write(full, "second", 12));
    assertThat(prepare(anna, limited(LIMIT))).isEqualTo(full);
    assertThat(mark(full)).isEqualTo(before);
    assertThat(mib(full)).isBetween(14L, 16L);
  }

  void anotherLimitHoldsFromTheNextEnsureOn() throws Exception {
    Path workspace = prepare(anna, limited(LIMIT));
    Projects.Mark before = mark(workspace);
    assertWorks(write(workspace, "first", 12));

    prepare(anna, limited(WorkspaceLimit.of(8 * MIB, 0)));
    assertIsFull(write(workspace, "second", 1));
    assertThat(mib(workspace)).as("nothing is deleted").isGreaterThanOrEqualTo(12);

    prepare(anna, limited(WorkspaceLimit.of(32 * MIB, 0)));
    assertWorks(write(workspace, "third", 12));
    assertThat(mark(workspace)).isEqualTo(before);
  }

  void anIdThatIsTakenIsLeftAlone() throws Exception {
    List<Integer> ids = ProjectIds.ALL.of(anna);
    Path taken = Files.createDirectory(root.resolve("taken"));
    Commands.run("chattr", "-p", ids.getFirst().toString(), taken.toString());

    Path workspace = prepare(anna, limited(LIMIT));

    assertThat(mark(workspace)).isEqualTo(new Projects.Mark(ids.get(1), true));
    try (var directory = Kernel.openDirectory(root)) {
      assertThat(Projects.account(directory, ids.getFirst()).limit().bytes())
          .as("whose it is gets no limit of ours")
          .isZero();
    }
    Files.delete(taken);
    prepare(anna, limited(LIMIT));
    assertThat(mark(workspace).id()).as("it keeps what it has").isEqualTo(ids.get(1));
  }

  /** A sandbox can bring that about unless it is in a user namespace. */
  void whoHasUsedUpAllIdsIsNotLockedOut() throws Exception {
    List<Integer> ids = ProjectIds.ALL.of(anna);
    Path workspace = prepare(anna, limited(LIMIT));
    for (int id : ids) {
      assertWorks(as(workspace, "echo > file" + id + " && chattr -p " + id + " file" + id));
    }
    assertIsFull(write(workspace, "fill", 64));
    assertWorks(as(workspace, "chattr -p 0 -P ."));

    prepare(anna, limited(LIMIT));

    assertThat(mark(workspace)).isEqualTo(new Projects.Mark(ids.getFirst(), true));
    assertThat(account(workspace).limit()).isEqualTo(LIMIT);
    assertIsFull(write(workspace, "more", 1));
    assertWorks(as(workspace, "rm fill"));
    assertWorks(write(workspace, "again", 1));
  }

  void whoWantTheSameIdAtOnceGetIdsOfTheirOwn() throws Exception {
    ProjectIds few = new ProjectIds(8);
    // Two workers on one root.
    List<WorkspaceQuota> workers =
        List.of(new ProjectQuotas(root, LIMIT, few), new ProjectQuotas(root, LIMIT, few));
    List<Integer> ids = new ArrayList<>();
    try (var lanes = Executors.newFixedThreadPool(8)) {
      for (int round = 0; round < 8; round++) {
        int wanted = ProjectIds.FIRST + round;
        CyclicBarrier start = new CyclicBarrier(8);
        List<Callable<Integer>> ensures =
            Stream.generate(() -> new UserId(UUID.randomUUID()))
                .filter(user -> few.of(user).getFirst() == wanted)
                .limit(8)
                .<Callable<Integer>>map(
                    user ->
                        () -> {
                          int number = start.await();
                          return mark(prepare(user, workers.get(number % 2))).id();
                        })
                .toList();
        for (Future<Integer> id : lanes.invokeAll(ensures)) {
          ids.add(id.get());
        }
      }
    }

    assertThat(ids).hasSize(64).doesNotHaveDuplicates();
  }

  void whoChoosesAnIdWaitsForWhoeverChoosesOne() throws Exception {
    WorkspaceQuota quota = limited(LIMIT);
    try (var lane = Executors.newSingleThreadExecutor()) {
      Future<Path> prepared;
      try (RootLock _ = RootLock.take(root)) {
        prepared = lane.submit(() -> prepare(anna, quota));
        await()
            .atMost(Duration.ofSeconds(90))
            .until(() -> Files.isDirectory(root.resolve(anna.toString())));
        assertThatThrownBy(() -> prepared.get(500, TimeUnit.MILLISECONDS))
            .isInstanceOf(TimeoutException.class);
        assertThat(mark(root.resolve(anna.toString())).id()).isZero();
      }
      assertThat(mark(prepared.get(90, TimeUnit.SECONDS)).inherits()).isTrue();
    }
    try (RootLock _ = RootLock.take(root)) {
      prepare(anna, quota); // which has one, and waits for nobody
    }
  }

  void withoutTheMountOptionItIsRefused() throws Exception {
    remount("noatime");
    try {
      assertThatThrownBy(() -> ProjectQuotas.of(root, LIMIT))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("could not limit workspaces to 16 MiB")
          .hasMessageContaining(root.toString())
          .hasMessageContaining("prjquota")
          .hasMessageContaining("unset ZCBOT_WORKSPACE_SIZE");
    } finally {
      remount("prjquota");
    }
    assertThat(ProjectQuotas.problem(root)).isNull();
  }

  void aFileSystemWithoutProjectsIsRefused() throws Exception {
    Path memory = Files.createDirectory(root.resolve("memory"));
    Commands.run("mount", "-t", "tmpfs", "none", memory.toString());
    try {
      assertThatThrownBy(() -> ProjectQuotas.of(memory, LIMIT))
          .isInstanceOf(IOException.class)
          .hasMessageContainingAll(memory.toString(), "project quotas", "XFS or ext4");
    } finally {
      Commands.run("umount", memory.toString());
    }
  }

  /** And so with what an ensure does: whatever went wrong after the start, nothing is unlimited. */
  void whatCanNotBeLimitedAnyMoreIsRefused() throws Exception {
    WorkspaceQuota quota = limited(LIMIT);
    prepare(anna, quota);
    remount("noatime");
    try {
      assertThatThrownBy(() -> prepare(anna, quota))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("could not limit")
          .hasMessageContaining("prjquota");
      assertThatThrownBy(() -> prepare(ben, quota)).isInstanceOf(IOException.class);
    } finally {
      remount("prjquota");
    }
  }

  void aLinkIsRefusedAndNotFollowed() throws Exception {
    Path elsewhere = Files.createDirectory(root.resolve("elsewhere"));
    Files.createSymbolicLink(root.resolve(anna.toString()), elsewhere);

    assertThatThrownBy(() -> prepare(anna, limited(LIMIT)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("symbolic link");
    assertThatThrownBy(() -> limited(LIMIT).limit(anna))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("ELOOP");
    assertThat(mark(elsewhere)).isEqualTo(new Projects.Mark(0, false));
  }

  void itTakesCapabilities() throws Exception {
    assertThat(prepareWith("+chown,+fowner,+sys_admin,+dac_read_search")).startsWith("passed");
    assertThat(prepareWith("+chown,+fowner,+dac_read_search"))
        .contains("could not limit workspaces", "CAP_SYS_ADMIN");
    assertThat(prepareWith("+chown,+fowner,+sys_admin"))
        .contains("could not limit it to 1 MiB", "CAP_DAC_READ_SEARCH");
  }

  /** Why SECURITY.md tells to have user namespaces, or a runtime with a kernel of its own. */
  void anOwnerStepsOutUnlessInAUserNamespace() throws Exception {
    Path workspace = prepare(anna, limited(LIMIT));
    Projects.Mark before = mark(workspace);
    String inNamespace = "unshare --user --map-current-user ";

    Result kept = as(workspace, inNamespace + "chattr -p 0 .");
    assertThat(kept.output()).contains("Invalid argument");
    kept = as(workspace, inNamespace + "chattr -P .");
    assertThat(kept.output()).contains("Invalid argument");
    assertWorks(as(workspace, "echo > file"));
    kept = as(workspace, inNamespace + "chattr -p 5 file");
    assertThat(kept.output()).contains("Invalid argument");
    assertThat(mark(workspace)).isEqualTo(before);

    assertWorks(as(workspace, "chattr -p 0 -P . && rm file"));
    assertWorks(write(workspace, "fill", 24));
    assertThat(mark(workspace)).isEqualTo(new Projects.Mark(0, false));

    prepare(anna, limited(LIMIT));
    assertThat(mark(workspace)).as("the next ensure mends what it sees").isEqualTo(before);
    assertWorks(as(workspace, "rm fill"));
  }

  /** With the commands of docs/quotas.md. */
  void whatWasThereBeforeCountsOnceAnAdministratorSaysSo() throws Exception {
    Path elsewhere = Files.createDirectory(root.resolve("elsewhere"));
    Path workspace = prepare(anna, WorkspaceQuota.NONE);
    assertWorks(as(workspace, "mkdir -p old/er && ln -s ../elsewhere link"));
    assertWorks(write(workspace, "old/er/file", 12));

    prepare(anna, limited(LIMIT));

    assertWorks(write(workspace, "old/more", 12));
    assertIsFull(write(workspace, "new", 24));
    assertWorks(as(workspace, "rm new"));

    Commands.run(
        "sh",
        "-c",
        """
        for d in "$1"/*-*-*-*-*; do
          id=$(lsattr -pd "$d" | awk '{print $1}')
          [ "$id" -eq 0 ] || find "$d" -xdev -type d -exec chattr -p "$id" +P {} + \\
            -o -type f -exec chattr -p "$id" {} +
        done\
        """,
        "sh",
        root.toString());

    assertThat(mark(workspace.resolve("old/er"))).isEqualTo(mark(workspace));
    assertThat(mib(workspace)).isGreaterThanOrEqualTo(24);
    assertIsFull(write(workspace, "old/er/another", 1));
    assertThat(mark(elsewhere).id()).isZero();
  }

  private WorkspaceQuota limited(WorkspaceLimit limit) throws IOException {
    return ProjectQuotas.of(root, limit);
  }

  private Path prepare(UserId user, WorkspaceQuota quota) throws IOException {
    return Workspaces.open(root).limitedBy(quota).prepare(user);
  }

  private void remount(String options) throws IOException, InterruptedException {
    Commands.run("umount", point.toString());
    disk.mount(point, options);
  }

  /** A command of a sandbox without a user namespace: uid 1000, without any capability. */
  private static Result as(Path workspace, String command)
      throws IOException, InterruptedException {
    return Commands.tryRun(
        "setpriv",
        "--reuid=1000",
        "--regid=1000",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--no-new-privs",
        "sh",
        "-c",
        "cd '" + workspace + "' && " + command);
  }

  private static Result write(Path workspace, String file, int mib)
      throws IOException, InterruptedException {
    return as(workspace, "dd if=/dev/zero of=" + file + " bs=64k conv=fsync count=" + mib * 16);
  }

  private String prepareWith(String capabilities) throws IOException, InterruptedException {
    return Commands.run(
        "setpriv",
        "--bounding-set=-all," + capabilities,
        "--inh-caps=-all",
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "--enable-native-access=ALL-UNNAMED",
        "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
        "-cp",
        System.getProperty("java.class.path"),
        QuotaGuest.class.getName(),
        root.toString(),
        "prepare");
  }

  private static void assertWorks(Result result) {
    assertThat(result.exitCode()).as(result.output()).isZero();
  }

  private static void assertIsFull(Result result) {
    assertThat(result.exitCode()).as(result.output()).isNotZero();
    assertThat(result.output()).containsAnyOf("No space left", "quota exceeded");
  }

  private static Projects.Mark mark(Path path) throws IOException {
    try (var parent = Kernel.openDirectory(path.getParent());
        var directory = Kernel.readBeneath(parent, path.getFileName().toString())) {
      return Projects.mark(directory);
    }
  }

  private Projects.Account account(Path workspace) throws IOException {
    try (var directory = Kernel.openDirectory(root)) {
      return Projects.account(directory, mark(workspace).id());
    }
  }

  /** The usage that the file system counts or, where it does not count, the size of the files. */
  private long mib(Path workspace) throws IOException, InterruptedException {
    return mark(workspace).id() == 0
        ? Long.parseLong(Commands.run("du", "-sm", workspace.toString()).split("\\s")[0])
        : account(workspace).bytes() / MIB;
  }

  private long files(Path workspace) throws IOException {
    return account(workspace).files();
  }
}
