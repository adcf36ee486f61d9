/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A worker whose workspace root does not answer. */
@Order(2)
class HungRootTest {
  @TempDir private Path root;

  /** Or a service manager would see a worker that runs. */
  @Test
  void aStartEndsThoughACallHangsInTheKernel() throws Exception {
    Path lock = Files.createDirectory(root.resolve(".slots")).resolve(".lock");
    neverOpens(lock);
    List<String> run = Stream.concat(CliProcess.java().stream(), Stream.of("run")).toList();

    Process worker =
        CliProcess.start(
            Map.of(
                "ZCBOT_WORKER_ID", "one",
                "ZCBOT_OPS_ADDRESS", "off",
                "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1",
                "ZCBOT_WORKSPACE_ROOT", root.toString()),
            180,
            run.toArray(String[]::new));
    String said = new String(worker.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertThat(worker.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(said)
        .contains(
            "the worker did not start: no answer from the file system of " + root.toRealPath());
    assertThat(worker.exitValue()).isEqualTo(ExitCode.CONFIG);
  }

  /** A pipe that nobody reads. */
  private static void neverOpens(Path pipe) throws Exception {
    Process mkfifo = new ProcessBuilder("mkfifo", pipe.toString()).start();
    assertThat(mkfifo.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(pipe).exists();
  }
}
