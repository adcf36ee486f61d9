/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.sandbox.Workspaces.Owner;
import io.zcbot.sandbox.worker.testkit.machine.HungFileSystem;
import io.zcbot.sandbox.worker.testkit.machine.Mounts;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** The kernel's behaviour, without any container. Requires CAP_SYS_ADMIN. */
@Isolated("it counts the descriptors of this process")
class MountedSlotsIT {
  private static final UserId ANNA = new UserId(new UUID(0, 1));

  @TempDir Path root;
  private WorkspaceMount mount;
  private MountedSlots slots;
  private final IdMaps maps = new IdMaps(Owner.UNMAPPED, false);

  @BeforeEach
  void setUp() throws IOException {
    mount = WorkspaceMount.prepare(root);
    assertThat(mount.problem()).isNull();
    slots = new MountedSlots(mount, maps, "me", new FileCalls());
  }

  @AfterEach
  void tearDown() throws IOException {
    for (String slot : slots.left()) {
      slots.release(slot);
    }
    mount.close();
    assertThat(Mounts.beneath(root)).isEmpty();
    maps.close();
  }

  private Path workspace(UserId user) throws IOException {
    return Files.createDirectory(root.resolve(user.toString()));
  }

  @Test
  void theRootIsASharedMountWithoutSetuidProgramsAndDevices() throws IOException {
    assertThat(Mounts.beneath(root))
        .singleElement()
        .asString()
        .contains("nosuid", "nodev", "shared:");
  }

  @Test
  void aRootIsMountedOnce() throws IOException {
    WorkspaceMount again = WorkspaceMount.prepare(root);

    assertThat(again.problem()).isNull();
    assertThat(Mounts.beneath(root)).hasSize(1);
    mount.close();
    assertThat(Mounts.beneath(root)).as("another worker uses it").hasSize(1);
    again.close();
    assertThat(Mounts.beneath(root)).as("the last one takes it off, whoever made it").isEmpty();
    mount = WorkspaceMount.prepare(root);
  }

  /**
   * As a worker in a container, which was started when the root was mounted already: its copy of
   * that mount does not keep this process from unmounting the root.
   */
  @Test
  void aRootThatAWorkerInAnotherMountNamespaceUsesStaysMounted() throws Exception {
    List<String> inANamespace =
        List.of(
            "unshare",
            "--mount",
            "--propagation=private",
            "sh",
            "-c",
            "mount --make-shared \"$0\" && exec \"$@\"",
            root.toString());
    Process other = AnotherProcess.start(inANamespace, Other.class, root);
    try {
      assertThat(other.inputReader().readLine()).isEqualTo("prepared");

      mount.close();

      assertThat(Mounts.beneath(root)).hasSize(1);
    } finally {
      other.getOutputStream().close();
      assertThat(other.waitFor(60, TimeUnit.SECONDS)).isTrue();
    }
    mount.close();
    assertThat(Mounts.beneath(root)).isEmpty();
    mount = WorkspaceMount.prepare(root);
  }

  @Test
  void aMountOfTheAdministratorsIsLeftAlone() throws Exception {
    mount.close();
    run("mount", "-t", "tmpfs", "-o", "nosuid,nodev", "none", root.toString());
    run("mount", "--make-shared", root.toString());

    mount = WorkspaceMount.prepare(root);

    assertThat(mount.problem()).isNull();
    assertThat(Mounts.beneath(root)).hasSize(1);
    mount.close();
    assertThat(Mounts.beneath(root)).hasSize(1);
    run("umount", root.toString());
    mount = WorkspaceMount.prepare(root);
  }

  /** Of a worker that was killed, or whose host was. */
  @Test
  void aMarkerThatWasLeftIsNoReasonToUnmountTheAdministratorsDisk() throws Exception {
    mount.close();
    run("mount", "-t", "tmpfs", "-o", "nosuid,nodev", "none", root.toString());
    run("mount", "--make-shared", root.toString());
    Path file = Files.writeString(root.resolve("file"), "a user's");
    RootLock.take(root).close();
    Files.createFile(root.resolve(".slots/.mounted"));

    WorkspaceMount.prepare(root).close();

    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(file).hasContent("a user's");
    run("umount", root.toString());
    mount = WorkspaceMount.prepare(root);
  }

  /** Else nobody would take off what it made, and its worker would be without it for good. */
  @Test
  void aRootThatIsFullIsMountedOnceItIsNot() throws Exception {
    mount.close();
    run("mount", "-t", "tmpfs", "-o", "nr_inodes=64", "none", root.toString());
    RootLock.take(root).close(); // as a worker before did
    List<Path> fill = fillWithFiles();

    assertThatThrownBy(() -> WorkspaceMount.prepare(root))
        .isInstanceOf(FileSystemException.class)
        .hasMessageContaining("No space left");
    assertThat(Mounts.beneath(root)).hasSize(1);

    Files.delete(fill.getFirst());
    mount = WorkspaceMount.prepare(root);
    assertThat(mount.problem()).isNull();
    assertThat(Mounts.beneath(root)).hasSize(2);
    mount.close();
    assertThat(Mounts.beneath(root)).hasSize(1);
    run("umount", root.toString());
    mount = WorkspaceMount.prepare(root);
  }

  private List<Path> fillWithFiles() throws IOException {
    List<Path> files = new ArrayList<>();
    while (files.size() < 64) {
      try {
        files.add(Files.createFile(root.resolve("fill" + files.size())));
      } catch (FileSystemException _) {
        return files;
      }
    }
    throw new IllegalStateException("a disk for 64 files takes more of them");
  }

  @Test
  void aRootInUseStaysMounted() throws IOException {
    Files.createDirectory(root.resolve("busy"));
    SlotMounts.Directory directory = slots.create("s1");

    mount.close();

    assertThat(Mounts.beneath(root)).hasSize(1);
    directory.close();
  }

  /** As in a stop that leaves sandboxes running: no wait makes the root free. */
  @Test
  void aRootWithMountsBeneathIsNotWaitedFor() throws Exception {
    Path beneath = Files.createDirectory(root.resolve("beneath"));
    run("mount", "--bind", beneath.toString(), beneath.toString());
    Instant began = Instant.now();
    for (int i = 0; i < 20; i++) {
      mount.close();
    }
    assertThat(Duration.between(began, Instant.now())).isLessThan(Duration.ofSeconds(10));
    assertThat(Mounts.beneath(root)).hasSize(2);
    run("umount", beneath.toString());
  }

  @Test
  void theRootIsUnmountedWhileThisProcessStartsOthers() throws Exception {
    mount.close();
    AtomicBoolean enough = new AtomicBoolean();
    try (ExecutorService starter = Executors.newSingleThreadExecutor()) {
      Future<Integer> started =
          starter.submit(
              () -> {
                int count = 0;
                while (!enough.get()) {
                  run("true");
                  count++;
                }
                return count;
              });
      try {
        for (int i = 0; i < 1_000; i++) {
          mount = WorkspaceMount.prepare(root);
          mount.close();
          assertThat(Mounts.beneath(root)).isEmpty();
        }
      } finally {
        enough.set(true);
      }
      assertThat(started.get(60, TimeUnit.SECONDS)).isPositive();
    }
  }

  @Test
  void aProbeComesAndGoes() throws IOException {
    try (SlotMounts.Directory directory = slots.create("s1")) {
      Path place = directory.path().resolve(SlotMounts.WORKSPACE);
      assertThat(place).isEmptyDirectory();
      directory.mountProbe();
      assertThat(place.resolve(SlotMounts.PROBE_NAME)).isDirectory();
      directory.unmountProbe();
      assertThat(place).isEmptyDirectory();
    }
  }

  @Test
  void aWorkspaceIsMountedWithItsAttributesAndReleasedUntouched() throws IOException {
    Files.writeString(workspace(ANNA).resolve("file"), "hers");
    try (SlotMounts.Directory directory = slots.create("s1")) {
      directory.mount(ANNA);

      assertThat(directory.path().resolve(SlotMounts.WORKSPACE).resolve("file")).hasContent("hers");
      assertThat(Mounts.beneath(root)).hasSize(2).last().asString().contains("nosuid", "nodev");
    }
    assertThat(slots.left()).containsExactly("s1");

    slots.release("s1");
    slots.release("s1");

    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(slots.left()).isEmpty();
    assertThat(root.resolve(ANNA.toString()).resolve("file")).hasContent("hers");
  }

  @Test
  void noLinkIsFollowed() throws IOException {
    Path elsewhere = Files.createDirectory(root.resolve("elsewhere"));
    Files.createSymbolicLink(root.resolve(ANNA.toString()), elsewhere);
    try (SlotMounts.Directory directory = slots.create("s1")) {
      assertThatThrownBy(() -> directory.mount(ANNA))
          .isInstanceOf(KernelException.class)
          .hasMessageContainingAll("openat2", ANNA.toString(), "ELOOP");
    }
    assertThat(Mounts.beneath(root)).hasSize(1);
  }

  @Test
  void aMissingWorkspaceIsNotMade() throws IOException {
    try (SlotMounts.Directory directory = slots.create("s1")) {
      assertThatThrownBy(() -> directory.mount(ANNA)).hasMessageContaining("ENOENT");
    }
    assertThat(root.resolve(ANNA.toString())).doesNotExist();
  }

  @Test
  void whatIsMountedOverTheRootIsNoticed() throws Exception {
    workspace(ANNA);
    try (SlotMounts.Directory directory = slots.create("s1")) {
      run("mount", "-t", "tmpfs", "none", root.toString());
      try {
        assertThatThrownBy(() -> directory.mount(ANNA)).isInstanceOf(IOException.class);
      } finally {
        run("umount", root.toString());
      }
    }
  }

  @Test
  void aReleaseDeletesNothing() throws IOException {
    try (SlotMounts.Directory directory = slots.create("s1")) {
      Path file =
          Files.writeString(
              directory.path().resolve(SlotMounts.WORKSPACE).resolve("file"), "somebody's");

      assertThatThrownBy(() -> slots.release("s1")).isInstanceOf(DirectoryNotEmptyException.class);

      assertThat(file).hasContent("somebody's");
      Files.delete(file);
    }
  }

  /** Where workers of earlier versions mounted. */
  @Test
  void aMountOnTheSlotsDirectoryItselfIsReleasedAsWell() throws Exception {
    Path workspace = workspace(ANNA);
    Files.writeString(workspace.resolve("file"), "hers");
    Path hers = Files.createDirectory(workspace.resolve(SlotMounts.WORKSPACE));
    slots.create("s1").close();
    Path directory = root.resolve(".slots/me/s1");
    Files.delete(directory.resolve(SlotMounts.WORKSPACE));
    run("mount", "--bind", workspace.toString(), directory.toString());

    slots.release("s1");

    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(slots.left()).isEmpty();
    assertThat(workspace.resolve("file")).hasContent("hers");
    assertThat(hers).isDirectory();
  }

  /** A mount on it may still come. */
  @Test
  void aMountThatWasGivenUpIsReleasedOnceItReturns() throws Exception {
    slots = new MountedSlots(mount, maps, "me", new FileCalls(2, 2, Duration.ofSeconds(2)));
    SlotMounts.Directory directory = slots.create("s1");
    try (HungFileSystem _ = HungFileSystem.at(root.resolve(ANNA.toString()))) {
      assertThatThrownBy(() -> directory.mount(ANNA))
          .isInstanceOf(FileCalls.UnansweredException.class);
      assertThatThrownBy(() -> slots.release("s1"))
          .isInstanceOf(FileCalls.UnansweredException.class);
      directory.close();
      assertThat(slots.left()).containsExactly("s1");
    }

    await()
        .atMost(Duration.ofSeconds(60))
        .ignoreExceptionsInstanceOf(FileCalls.UnansweredException.class)
        .untilAsserted(() -> slots.release("s1"));

    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(slots.left()).isEmpty();
  }

  @Test
  void nothingLeaksInManyRounds() throws IOException {
    workspace(ANNA);
    long before = descriptors();
    for (int i = 0; i < 200; i++) {
      try (SlotMounts.Directory directory = slots.create("s" + i)) {
        directory.mountProbe();
        directory.unmountProbe();
        directory.mount(ANNA);
      }
      slots.release("s" + i);
    }
    assertThat(descriptors()).isLessThanOrEqualTo(before + 5);
    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(slots.left()).isEmpty();
  }

  private static long descriptors() throws IOException {
    try (var all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  private static void run(String... command) throws IOException, InterruptedException {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  /** A worker that uses a root until its input ends, and leaves the root's mount to others. */
  static final class Other {
    private Other() {}

    public static void main(String... args) throws Exception {
      WorkspaceMount mount = WorkspaceMount.prepare(Path.of(args[0]));
      System.out.println(mount.problem() == null ? "prepared" : mount.problem());
      byte[] _ = System.in.readAllBytes();
    }
  }
}
