/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.DiskSpace;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.TestWorkspaces;
import io.zcbot.sandbox.worker.testkit.World;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an ensure does with the workspace. */
class EnsuredWorkspaceTest extends InAWorld {
  private static final UserId BOB = World.user(2);

  @Test
  void aSymlinkForAWorkspaceIsRefusedAndNotFollowed() throws Exception {
    Path elsewhere = Files.createDirectory(root.resolve("elsewhere"));
    Files.createSymbolicLink(root.resolve(ANNA.toString()), elsewhere);
    var before = Files.getPosixFilePermissions(elsewhere);
    Failed failed = world.failed(ANNA);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.message()).contains("symbolic link");
    assertThat(Files.getPosixFilePermissions(elsewhere)).isEqualTo(before);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void aWorkspaceThatCanNotBeLimitedGetsNoSandbox() throws Exception {
    world = new World(root, 2, null, 1_000_000, 1);
    world.warmUp();
    assertThat(world.engine.everything()).as("a slot").hasSize(1);
    world.quota =
        _ -> {
          throw new IOException("could not limit it: not supported");
        };

    Failed failed = world.failed(ANNA);

    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.message()).contains("could not limit it: not supported");
    assertThat(failed.retryable()).isFalse();
    assertThat(world.registry.get(ANNA)).isNull();
    assertThat(world.engine.everything()).as("the slot still, and nothing else").hasSize(1);
  }

  @Test
  void aWorkspaceIsLimitedBeforeItsSandboxIsMadeAndAtEachEnsure() throws Exception {
    List<UserId> limited = new ArrayList<>();
    world.quota =
        user -> {
          assertThat(root.resolve(user.toString())).isDirectory();
          assertThat(world.engine.everything()).hasSize(limited.isEmpty() ? 0 : 1);
          limited.add(user);
        };

    world.ready(ANNA);
    assertThat(world.ready(ANNA).outcome()).isEqualTo(Ready.Outcome.REUSED);

    assertThat(limited).containsExactly(ANNA, ANNA);
  }

  /** It would wait for room until it expires. Who has a workspace can make some. */
  @ParameterizedTest
  @CsvSource({
    "1048576, 1000000, has 1 MiB left and 64 MiB are needed",
    "100000000, 7, has room for 7 more files (inodes) and 1000 are needed"
  })
  void aNewUserIsRefusedAtOnceWhileThereIsNoRoom(long bytes, long inodes, String why)
      throws Exception {
    Ready first = world.ready(ANNA);
    world.space = _ -> new DiskSpace(1L << 40, bytes, 1L << 20, inodes);

    world.domain.ensurer().ensure(world.request(BOB, Duration.ofDays(1)));

    assertThat(world.failures())
        .singleElement()
        .satisfies(
            failed -> {
              assertThat(failed.reason()).isEqualTo(Failed.Reason.CAPACITY);
              assertThat(failed.retryable()).isTrue();
              assertThat(failed.message().replace(",", "")).contains(why, "make room on it");
            });
    assertThat(root.resolve(BOB.toString())).doesNotExist();
    assertThat(world.ready(ANNA).outcome()).isEqualTo(Ready.Outcome.REUSED);
    world.engine.restartByHand(first.containerId()); // so that it is made anew
    assertThat(world.ready(ANNA).outcome()).isEqualTo(Ready.Outcome.RECREATED);
    world.space = _ -> new DiskSpace(1L << 40, 1L << 30, 0, 0);
    assertThat(world.ready(BOB).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }

  @Test
  void aWorkspaceIsPrivateToTheSandboxUser() throws Exception {
    Path workspace = Path.of(world.ready(ANNA).environment().workspace());
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(workspace)))
        .isEqualTo("rwx------");
    assertThat(Files.getAttribute(workspace, "unix:uid"))
        .isEqualTo(TestWorkspaces.owner(root).uid());
  }
}
