/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.TestWorkspaces;
import io.zcbot.sandbox.worker.testkit.World;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What an ensure does with the workspace. */
class EnsuredWorkspaceTest extends InAWorld {
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

  @Test
  void aWorkspaceIsPrivateToTheSandboxUser() throws Exception {
    Path workspace = Path.of(world.ready(ANNA).environment().workspace());
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(workspace)))
        .isEqualTo("rwx------");
    assertThat(Files.getAttribute(workspace, "unix:uid"))
        .isEqualTo(TestWorkspaces.owner(root).uid());
  }
}
