/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.WorkspaceViews;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.sandbox.Workspaces.Owner;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** The kernel's behaviour, without any container. Requires CAP_SYS_ADMIN. */
@Isolated("it counts the descriptors of this process")
class MappedWorkspacesIT {
  private static final UserId ANNA = new UserId(new UUID(0, 1));
  private static final int OWN = 70_001;

  @TempDir Path root;
  private WorkspaceMount mount;
  private final IdMaps maps = new IdMaps(Owner.UNMAPPED, false);
  private MappedWorkspaces views;
  private Workspaces workspaces;
  private Path workspace;

  @BeforeEach
  void setUp() throws IOException {
    mount = WorkspaceMount.prepare(root);
    assertThat(mount.problem()).isNull();
    views = new MappedWorkspaces(mount, maps, "me");
    workspaces = Workspaces.open(root).shownBy(views);
    workspace = workspaces.prepare(ANNA);
  }

  @AfterEach
  void tearDown() throws IOException {
    // A container that starts elsewhere has all mounts for a moment, and they are busy then.
    await()
        .untilAsserted(
            () -> {
              mount.close();
              assertThat(Mounts.beneath(root)).isEmpty();
            });
    maps.close();
  }

  private static Object owner(Path file) throws IOException {
    return Files.getAttribute(file, "unix:uid");
  }

  @Test
  void aWorkspaceShowsAsTheSandboxsAndKeepsItsOwnerOnTheDisk() throws Exception {
    Path file = Files.writeString(workspace.resolve("file"), "");
    Files.setAttribute(file, "unix:uid", Workspaces.SANDBOX_ID);
    Files.setAttribute(file, "unix:gid", Workspaces.SANDBOX_ID);

    try (WorkspaceViews.View _ = workspaces.show(ANNA, OWN)) {
      assertThat(List.of(owner(workspace), owner(file))).containsOnly(OWN);
      assertThat(Mounts.beneath(root)).last().asString().contains("idmapped", "nosuid", "nodev");
    }

    assertThat(List.of(owner(workspace), owner(file))).containsOnly(Workspaces.SANDBOX_ID);
    assertThat(Mounts.beneath(root)).hasSize(1);
  }

  @Test
  void whoIsTheOwnerNeedsNoMount() throws Exception {
    try (WorkspaceViews.View _ = workspaces.show(ANNA, Workspaces.SANDBOX_ID)) {
      assertThat(Mounts.beneath(root)).hasSize(1);
    }
  }

  @Test
  void whatAKilledWorkerLeftIsClearedAway() throws Exception {
    WorkspaceViews.View left = workspaces.show(ANNA, OWN);
    assertThat(Mounts.beneath(root)).hasSize(2);

    views.clear();

    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(workspaces.prepare(ANNA)).isEqualTo(workspace);
    left.close(); // which finds nothing, and says so
  }

  /** As after an upgrade that took rights from the worker. */
  @Test
  void whatCanNotBeClearedAwayDoesNotEndTheStart() throws Exception {
    WorkspaceViews.View left = workspaces.show(ANNA, OWN);
    Path note = root.resolve(".slots/.views/me/" + ANNA);
    List<String> withFewerRights =
        List.of("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin");
    try {
      Process other = AnotherProcess.start(withFewerRights, Clears.class, root);
      assertThat(other.inputReader().lines()).last().isEqualTo("cleared");
      assertThat(other.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(Mounts.beneath(root)).hasSize(2);
      assertThat(note).exists();
    } finally {
      views.clear();
    }
    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(note).doesNotExist();
    left.close();
  }

  @Test
  void whatWasLeftInARootWithASpaceIsClearedAwayToo() throws Exception {
    Path spaced = Files.createDirectory(root.resolve("my data"));
    try (WorkspaceMount itsMount = WorkspaceMount.prepare(spaced)) {
      MappedWorkspaces itsViews = new MappedWorkspaces(itsMount, maps, "me");
      Path itsWorkspace = Workspaces.open(spaced).shownBy(itsViews).prepare(ANNA);
      WorkspaceViews.View left = itsViews.show(ANNA, OWN);
      assertThat(owner(itsWorkspace)).isEqualTo(OWN);

      itsViews.clear();

      assertThat(owner(itsWorkspace)).isEqualTo(Workspaces.SANDBOX_ID);
      left.close();
    }
  }

  /** Another worker starts a sandbox there while this one begins. */
  @Test
  void whatAnotherWorkerOfTheRootShowsIsLeftAlone() throws Exception {
    MappedWorkspaces others = new MappedWorkspaces(mount, maps, "another");
    try (WorkspaceViews.View _ = others.show(ANNA, OWN)) {
      views.clear();
      assertThat(owner(workspace)).isEqualTo(OWN);
    }
    assertThat(Mounts.beneath(root)).hasSize(1);

    WorkspaceViews.View left = others.show(ANNA, OWN);
    others.clear();
    assertThat(Mounts.beneath(root)).as("its own").hasSize(1);
    left.close();
  }

  /** As a worker did whose version notes nothing. */
  @Test
  void whatNobodyNotedIsClearedAway() throws Exception {
    WorkspaceViews.View left = new MappedWorkspaces(mount, maps, "another").show(ANNA, OWN);
    Files.delete(root.resolve(".slots/.views/another/" + ANNA));

    views.clear();

    assertThat(Mounts.beneath(root)).hasSize(1);
    left.close();
  }

  /** The other note may be of a mount on another host that has the root too. */
  @Test
  void whatIsPurgedIsWhatThisWorkerLeftMountedHere() throws Exception {
    UserId elsewhere = new UserId(new UUID(0, 2));
    WorkspaceViews.View left = workspaces.show(ANNA, OWN);
    Path note = Files.writeString(root.resolve(".slots/.views/me/" + elsewhere), "");
    assertThat(new MappedWorkspaces(mount, maps, "another").left()).isEmpty();
    assertThat(views.left()).containsExactly(ANNA.toString());

    views.clearLeft();

    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(views.left()).isEmpty();
    assertThat(note.getParent()).isDirectoryNotContaining(entry -> !entry.equals(note));
    assertThat(note).exists();
    left.close();
  }

  /** As if its close had been given up. */
  @Test
  void aViewThatWasNotClosedIsReplaced() throws Exception {
    WorkspaceViews.View _ = workspaces.show(ANNA, OWN);

    try (WorkspaceViews.View _ = workspaces.show(ANNA, OWN + 1)) {
      assertThat(owner(workspace)).isEqualTo(OWN + 1);
    }

    assertThat(Mounts.beneath(root)).hasSize(1);
  }

  /** Through that view the directory has an owner who can't be changed. */
  @Test
  void aWorkspaceWhoseViewWasNotClosedCanBePrepared() throws Exception {
    WorkspaceViews.View _ = workspaces.show(ANNA, OWN);

    assertThat(workspaces.prepare(ANNA)).isEqualTo(workspace);

    assertThat(owner(workspace)).isEqualTo(Owner.UNMAPPED.uid());
    assertThat(Mounts.beneath(root)).hasSize(1);
  }

  @Test
  void aLinkIsNotFollowed() throws Exception {
    UserId other = new UserId(new UUID(0, 2));
    Files.createSymbolicLink(root.resolve(other.toString()), workspace);

    assertThatThrownBy(() -> workspaces.show(other, OWN)).hasMessageContaining("ELOOP");
  }

  /** As a restarted worker finds it that adopts a claimed sandbox. */
  @Test
  void aRootWithAMappedMountBeneathCanStillBeMapped() throws Exception {
    try (WorkspaceViews.View _ = workspaces.show(ANNA, OWN)) {
      assertThat(maps.problem(root, OWN)).isNull();
    }
  }

  @Test
  void aFileSystemThatCanNotSaysSo() throws Exception {
    assertThat(maps.problem(Path.of("/proc"), OWN)).contains("file system");
    assertThat(maps.problem(root, OWN)).isNull();
  }

  /** For example on a network file system. */
  @Test
  void aUsersOwnMountThatCanNotSaysSo() throws Exception {
    Commands.run("mount", "-t", "ramfs", "none", workspace.toString());
    try {
      assertThatThrownBy(() -> workspaces.show(ANNA, OWN))
          .hasMessageContainingAll("file system", "ZCBOT_SANDBOX_UIDS=shared", ANNA.toString());
    } finally {
      Commands.run("umount", workspace.toString());
    }
  }

  @Test
  void nothingLeaks() throws Exception {
    workspaces.show(ANNA, OWN).close();
    long descriptors = descriptors();
    for (int i = 0; i < 1_000; i++) {
      workspaces.show(ANNA, OWN + i % 3).close();
    }
    assertThat(Mounts.beneath(root)).hasSize(1);
    assertThat(descriptors()).as("one for each user").isLessThanOrEqualTo(descriptors + 2 + 5);
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  /** A worker that begins. */
  static final class Clears {
    private Clears() {}

    public static void main(String... args) throws Exception {
      WorkspaceMount root = WorkspaceMount.asItIs(Path.of(args[0]));
      try (IdMaps none = new IdMaps(Owner.UNMAPPED, false)) {
        new MappedWorkspaces(root, none, "me").clear();
      }
      System.out.println("cleared");
    }
  }
}
