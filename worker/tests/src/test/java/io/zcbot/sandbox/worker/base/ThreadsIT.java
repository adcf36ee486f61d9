/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.core.Context;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A process that may have no more threads. */
@Tag("engine")
class ThreadsIT {
  /** Takes all threads that its container may have, and then starts a virtual one. */
  static final class Hog {
    private Hog() {}

    public static void main(String[] arguments) throws Exception {
      // Loads what a start and its failure need, as in a worker that has run for a while.
      Thread first = Thread.ofVirtual().unstarted(() -> {});
      Class.forName(Threads.class.getName());
      LoggerFactory.getLogger(Hog.class)
          .info("begins", new IllegalStateException("only an example"));
      try {
        for (int i = 0; i < 1000; i++) { // it has a bound if the engine sets no limit
          Thread.ofPlatform().daemon().start(Hog::rest);
        }
      } catch (OutOfMemoryError _) {
        Threads.start(first);
      }
      System.exit(0);
    }

    private static void rest() {
      while (true) {
        LockSupport.park();
      }
    }
  }

  @Test
  void aProcessThatCanStartNoThreadSaysSoAndEndsLikeOneWithoutMemory() throws Exception {
    List<Path> classPath = new ArrayList<>();
    for (Class<?> type :
        List.of(
            Threads.class, Hog.class, LoggerFactory.class, LoggerContext.class, Context.class)) {
      classPath.add(Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()));
    }
    List<String> command =
        new ArrayList<>(
            List.of("docker", "run", "--rm", "--user=0", "--pids-limit=60", "--network=none"));
    classPath.add(Path.of(System.getProperty("java.home")));
    classPath.forEach(path -> command.addAll(List.of("-v", path + ":" + path + ":ro")));
    command.addAll(
        List.of(
            "--entrypoint",
            classPath.getLast().resolve("bin/java").toString(),
            SandboxImage.NAME,
            "-XX:+UseSerialGC",
            "-Xint", // or an idle thread of the compiler would end and leave room for another
            "-cp",
            classPath.stream().map(Path::toString).collect(Collectors.joining(":")),
            Hog.class.getName()));
    Commands.Result result = Commands.tryRun(command.toArray(String[]::new));
    assertThat(result.output())
        .contains("the process ends, since it can't start a thread; raise the limit of processes");
    assertThat(result.exitCode()).isEqualTo(3);
  }
}
