/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.machine.HungFileSystem;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;

/** A purge where the workspace root does not answer. Requires CAP_SYS_ADMIN. */
@ResourceLock("logging")
class PurgeHungRootIT {
  private final StringWriter err = new StringWriter();
  private final FakeEngine engine = new FakeEngine();

  @TempDir private Path directory;

  @Test
  void theContainersAreRemovedAllTheSame() throws Exception {
    assertThat(execute("purge", "--yes", "--force")).isEqualTo(ExitCode.FAILED);
    assertThat(engine.containers).isEmpty();
    assertThat(err.toString())
        .contains("some slots may stay mounted: ", "some workspaces may stay mounted: ")
        .contains("answer from the file system of " + root(), "run purge again as root");
  }

  /** Its lock is in the root. */
  @Test
  void aWorkerThatMayBeAliveKeepsItsContainers() throws Exception {
    assertThat(execute("purge", "--yes")).isEqualTo(ExitCode.FAILED);
    assertThat(engine.containers).hasSize(1);
    assertThat(err.toString())
        .contains("whether it is alive cannot be determined: ")
        .contains("answer from the file system of " + root(), "add --force");
  }

  private Path root() {
    return directory.resolve("root");
  }

  private int execute(String... command) throws Exception {
    engine.addSlot("s1", "f", "w1");
    Console console =
        new Console(
            Map.of("ZCBOT_WORKER_ID", "w1", "ZCBOT_WORKSPACE_ROOT", root().toString()),
            new PrintWriter(new StringWriter(), true),
            new PrintWriter(err, true),
            false);

    try (HungFileSystem _ = HungFileSystem.at(root())) {
      return CompletableFuture.supplyAsync(
              () -> Cli.commandLine(console, _ -> engine).execute(command))
          .get(120, TimeUnit.SECONDS);
    }
  }
}
