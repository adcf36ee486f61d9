/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static io.zcbot.sandbox.worker.cli.CliProcess.read;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A worker that adopts is started while its host can start no processes, or not in time. */
@Tag("engine")
@Tag("kafka")
class ShortHostIT {
  private static final int PATIENCE_SECONDS = 180;

  @TempDir private Path programs;

  /** The program that makes users of sandboxes: its first process does something else. */
  private void failOnce(String instead) throws Exception {
    Path program =
        Files.writeString(
            programs.resolve("unshare"),
            """
            #!/bin/sh
            cd "${0%/*}"
            [ -e late ] || { : >late; INSTEAD; }
            PATH=${PATH#*:} exec unshare "$@"
            """
                .replace("INSTEAD", instead));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "exec sleep 60",
        "echo 'unshare: unshare failed: Cannot allocate memory' >&2; exit 1"
      })
  void theStartWaitsAndTheSandboxesStay(String instead) throws Exception {
    failOnce(instead);
    try (Deployment deployment = new Deployment().with("ZCBOT_RESTART", "adopt")) {
      Worker before = deployment.start("a");
      UserId user = Deployment.newUser();
      String container = deployment.agent().ensured(user).containerId();
      deployment.stop(before);

      Map<String, String> settings = new HashMap<>(deployment.environment("a"));
      settings.put("PATH", programs + ":" + System.getenv("PATH"));
      settings.put("ZCBOT_OPS_ADDRESS", "off");
      String[] run =
          Stream.concat(CliProcess.java().stream(), Stream.of("run")).toArray(String[]::new);
      Process worker = CliProcess.start(settings, PATIENCE_SECONDS, run);
      try {
        var _ = read(worker, "could not look for users of sandboxes, will be tried again");
        assertThat(deployment.agent().ensured(user).containerId()).isEqualTo(container);
        assertThat(deployment.log().reaped(user)).isEmpty();
      } finally {
        CliProcess.signal(worker, "TERM");
        assertThat(worker.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      }
    }
  }
}
