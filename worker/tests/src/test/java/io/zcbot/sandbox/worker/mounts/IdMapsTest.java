/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.base.HostShortage;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What it means that the process of a user namespace has ended. */
class IdMapsTest {
  private static final IOException GONE = new NoSuchFileException("/proc/1/uid_map");

  /** A user namespace that may not be made is "no space left on device", for ever. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          echo 'unshare: unshare failed: Cannot allocate memory' >&2; exit 1          | true
          echo 'unshare: failed to execute cat: Resource temporarily unavailable' >&2 | true
          kill -9 $$                                                                  | true
          echo 'unshare: unshare failed: No space left on device' >&2; exit 1         | false
          echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1         | false
          exit 127                                                                    | false
          """)
  void onlyAShortageOfMemoryOrProcessesPasses(String script, boolean passes) throws Exception {
    Process ended = new ProcessBuilder("sh", "-c", script).start();
    assertThat(ended.waitFor(60, TimeUnit.SECONDS)).isTrue();

    IOException cause = IdMaps.cause(ended, GONE);

    assertThat(HostShortage.mayPass(cause)).isEqualTo(passes);
    assertThat(cause).hasMessageContaining("unshare ended with exit code " + ended.exitValue());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          echo 'unshare failed: Operation not permitted' >&2; exit 1 | 1: unshare failed: Operation not permitted
          echo one >&2; echo two >&2; exit 1                         | 1: one
          echo 'unshare failed: No space left on device' >&2; exit 1 | 1, as user.max_user_namespaces is too low
          exit 127                                                   | 127
          """)
  void theMessageTellsWhatTheProcessSaid(String script, String reported) throws Exception {
    Process ended = new ProcessBuilder("sh", "-c", script).start();
    assertThat(ended.waitFor(60, TimeUnit.SECONDS)).isTrue();

    assertThat(IdMaps.cause(ended, GONE)).hasMessage("unshare ended with exit code " + reported);
  }

  @Test
  void whatFailsWhileTheProcessLivesIsItsOwnCause() throws Exception {
    Process alive = new ProcessBuilder("cat").start();
    try {
      assertThat(IdMaps.cause(alive, GONE)).isSameAs(GONE);
    } finally {
      alive.destroyForcibly();
    }
  }
}
