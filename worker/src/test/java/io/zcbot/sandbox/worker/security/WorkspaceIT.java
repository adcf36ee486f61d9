package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Volume;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.EngineBench;
import io.zcbot.sandbox.worker.docker.EngineBench.Started;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The one directory that a sandbox shares with the host. */
class WorkspaceIT extends Attacks {
  @Row(41)
  @Test
  void itIsTheUsersOwn() throws Exception {
    assertThat(said(lab.sandbox.id(), "pwd; stat -c '%u:%g %a' .; echo hi > f; cat f"))
        .isEqualTo("/workspace\n1000:1000 700\nhi");
    assertThat(lab.sandbox.workspace().resolve("f")).hasContent("hi\n");
    assertThat(
            PosixFilePermissions.toString(Files.getPosixFilePermissions(lab.sandbox.workspace())))
        .isEqualTo("rwx------");
  }

  @Row(41)
  @Test
  void theEngineMakesNone() throws Exception {
    Path missing = directory.resolve("missing-" + UUID.randomUUID());
    assertThatThrownBy(
            () -> lab.bench.engine.create(lab.spec, EngineBench.user(), lab.bench.worker, missing))
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
    Path root = Files.createDirectories(directory.resolve("flags-" + UUID.randomUUID()));
    String image = lab.image("RUN true");
    run("mount", "-t", "tmpfs", "-o", "nosuid,nodev,mode=755", "none", root.toString());
    try (EngineBench flagged = new EngineBench(root, java.time.Duration.ofSeconds(20))) {
      UserId user = EngineBench.user();
      String id = flagged.create(profile.apply(flagged.spec()), user);
      flagged.engine.start(id);
      assertThat(flagged.bash(id, "grep ' /workspace ' /proc/mounts").output())
          .contains("nosuid", "nodev");
      Path planted = root.resolve(user.toString()).resolve("suid");
      plant(planted, image);
      String control =
          lab.control(
              command -> command.getHostConfig().withSecurityOpts(List.of()),
              new Started(user, id, root.resolve(user.toString())));
      assertThat(said(control, "./suid -u")).as("even with new privileges").isEqualTo("1000");
      lab.bench.engine.remove(control);
    } finally {
      run("umount", "-l", root.toString());
    }

    Started plain = lab.fresh();
    plant(plain.workspace().resolve("suid"), image);
    String control =
        lab.control(command -> command.getHostConfig().withSecurityOpts(List.of()), plain);
    assertThat(said(control, "./suid -u")).as("without the flags").isEqualTo("0");
  }

  /** A setuid-root copy of id out of the image, whose libraries it fits. */
  private static void plant(Path at, String image) throws IOException, InterruptedException {
    run(
        "docker",
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

  private static void run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).inheritIO().start();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(String.join(" ", command)).isZero();
  }
}
