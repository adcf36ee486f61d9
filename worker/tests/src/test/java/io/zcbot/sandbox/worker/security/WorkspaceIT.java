/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Volume;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.create.SlotLayout;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The one directory that a sandbox shares with the host. */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@AlsoOn({Profile.RUNC_CLAIMED, Profile.GVISOR_CLAIMED})
class WorkspaceIT extends Attacks {
  private static final String WORKSPACE_MOUNT = "grep ' /workspace ' /proc/mounts";

  @Row(41)
  @Test
  void itIsTheUsersOwn() throws Exception {
    assertThat(said(lab.sandbox.id(), "pwd; stat -c '%u:%g %a' .; echo hi > f; cat f"))
        .isEqualTo("/workspace\n" + lab.fixture.agent(lab.sandbox.id()) + " 700\nhi");
    Path file = lab.sandbox.workspace().resolve("f");
    assertThat(file).hasContent("hi\n");
    assertThat(Files.getAttribute(file, "unix:uid")).as("on the disk").isEqualTo(1000);
    assertThat(
            PosixFilePermissions.toString(Files.getPosixFilePermissions(lab.sandbox.workspace())))
        .isEqualTo("rwx------");
  }

  @Row(41)
  @Test
  void theEngineMakesNone() throws Exception {
    Path missing = directory.resolve("missing-" + UUID.randomUUID());
    assertThatThrownBy(
            () -> {
              if (profile.claimed()) {
                lab.fixture.sandboxes(lab.spec).createSlot("0123456789abcdef", missing);
              } else {
                lab.fixture.sandboxes(lab.spec).create(EngineFixture.user(), missing);
              }
            })
        .hasMessageContaining("bind source path does not exist");
    assertThat(missing).doesNotExist();

    lab.without(
        host -> {
          host.withMounts(List.of());
          host.withBinds(new Bind(missing.toString(), new Volume("/workspace")));
        });
    assertThat(missing).as("of a bind the engine makes the source, as root").exists();
    assertThat(Files.getAttribute(missing, "unix:uid")).isEqualTo(0);
  }

  /** Mount flags of the root's file system hold in every workspace below it. */
  @Row(43)
  @Test
  void theRootsFlagsHoldInside() throws Exception {
    String image = lab.image("RUN true");
    if (profile.claimed()) {
      theClaimsFlagsHoldInside(image);
      return;
    }
    Path root = Files.createDirectories(directory.resolve("flags-" + UUID.randomUUID()));
    Commands.run("mount", "-t", "tmpfs", "-o", "nosuid,nodev,mode=755", "none", root.toString());
    try (EngineFixture flagged = lab.fixture(root)) {
      UserId user = EngineFixture.user();
      String id = flagged.create(profile.apply(flagged.spec()), user);
      flagged.start(id);
      Started sandbox = new Started(user, id, root.resolve(user.toString()));
      if (!profile.ownKernel()) { // which tells of flags of its own only
        assertThat(flagged.bash(id, WORKSPACE_MOUNT).output()).contains("nosuid", "nodev");
      }
      plant(sandbox.workspace().resolve("suid"), image);
      String control = withNewPrivileges(sandbox);
      assertThat(said(control, "./suid -u")).as("even with new privileges").isEqualTo("1000");
      lab.fixture.engine.remove(control);
    } finally {
      Commands.run("umount", "-l", root.toString());
    }

    Started own = lab.fresh();
    if (!profile.rootInside() && !profile.ownKernel()) {
      assertThat(said(own.id(), WORKSPACE_MOUNT)).as("by the create").contains("nosuid,nodev");
    }
    assertThat(said(onPlainDirectory(own, image), "./suid -u"))
        .as("without the flags")
        .isEqualTo("0");
  }

  private void theClaimsFlagsHoldInside(String image) throws Exception {
    Started claimed = lab.fresh();
    if (!profile.ownKernel()) { // which tells of flags of its own only
      assertThat(said(claimed.id(), WORKSPACE_MOUNT).lines())
          .as("all that is mounted there")
          .isNotEmpty()
          .allMatch(line -> line.contains("nosuid,nodev"));
    }
    plant(claimed.workspace().resolve("suid"), image);
    String shows = (profile.ownKernel() ? SlotLayout.BY_ENTRANCE : SlotLayout.AT_ONCE).shows();
    assertThat(said(withNewPrivileges(claimed), shows + "/suid -u"))
        .as("even with new privileges")
        .isEqualTo(lab.uid(claimed.id()));
    assertThat(said(onPlainDirectory(claimed, image), "./suid -u"))
        .as("without the flags")
        .isEqualTo("0");
  }

  /** A copy of a sandbox with a setuid program on a file system without these flags. */
  private String onPlainDirectory(Started sandbox, String image) throws Exception {
    Path plain = Files.createDirectories(directory.resolve("plain-" + UUID.randomUUID()));
    plant(plain.resolve("suid"), image);
    return lab.control(
        command -> {
          lab.onHostsKernel(command.getHostConfig());
          command
              .getHostConfig()
              .withSecurityOpts(List.of())
              .withMounts(List.of())
              .withBinds(new Bind(plain.toString(), new Volume("/workspace")));
        },
        sandbox);
  }

  /** On the host's kernel, where there is a setuid bit to honour. */
  private String withNewPrivileges(Started sandbox) {
    return lab.control(
        command -> {
          lab.onHostsKernel(command.getHostConfig());
          command.getHostConfig().withSecurityOpts(List.of());
        },
        sandbox);
  }

  /** A setuid-root copy of id out of the image, whose libraries it fits. */
  private void plant(Path at, String image) throws IOException, InterruptedException {
    lab.docker(
        "run",
        "--rm",
        "--network",
        "none",
        "-u",
        "0",
        "-v",
        at.getParent() + ":/w",
        "--entrypoint",
        "bash",
        image,
        "-c",
        "cp /usr/bin/id /w/suid && chmod 4755 /w/suid");
  }
}
