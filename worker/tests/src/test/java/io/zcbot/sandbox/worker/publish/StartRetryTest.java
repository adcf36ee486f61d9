/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.base.StoppedException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class StartRetryTest {
  private final AtomicBoolean stopping = new AtomicBoolean();
  private final List<String> problems = new ArrayList<>();
  private final StartRetry retry = new StartRetry(stopping::get);

  @Test
  void goesOnUntilItWorksAndSaysWhyItDoesNotYet() throws Exception {
    AtomicInteger attempts = new AtomicInteger();
    String result =
        retry.untilItWorks(
            "do it",
            () -> {
              problems.add(String.valueOf(retry.problem()));
              if (attempts.incrementAndGet() < 3) {
                throw new IOException("away");
              }
              return "done";
            },
            IOException.class::isInstance);
    assertThat(result).isEqualTo("done");
    assertThat(attempts).hasValue(3);
    assertThat(problems).containsExactly("null", "could not do it: away", "could not do it: away");
    assertThat(retry.problem()).isNull();
  }

  @Test
  void throwsOnWhatDoesNotPassByItself() {
    assertThatThrownBy(
            () ->
                retry.untilItWorks(
                    "do it",
                    () -> {
                      throw new IllegalArgumentException("never");
                    },
                    IOException.class::isInstance))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("never");
    assertThat(retry.problem()).isNull();
  }

  @Test
  void waitsWhileTheHostIsShortOfSomethingAndForNothingElse() throws Exception {
    AtomicInteger attempts = new AtomicInteger();
    String result =
        retry.whileShort(
            "mount it",
            () -> {
              if (attempts.incrementAndGet() < 3) {
                throw new FileSystemException("/w", null, "No space left on device");
              }
              return "mounted";
            });
    assertThat(result).isEqualTo("mounted");
    assertThat(attempts).hasValue(3);

    assertThatThrownBy(
            () ->
                retry.whileShort(
                    "mount it",
                    () -> {
                      throw new FileSystemException("/w", null, "Stale file handle");
                    }))
        .isInstanceOf(FileSystemException.class);
  }

  @Test
  void aStopEndsTheWait() throws Exception {
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    AtomicBoolean tried = new AtomicBoolean();
    Thread waiting =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    Object _ =
                        retry.untilItWorks(
                            "do it",
                            () -> {
                              tried.set(true);
                              throw new IOException("away");
                            },
                            IOException.class::isInstance);
                  } catch (Exception e) {
                    thrown.set(e);
                  }
                });
    while (!tried.get()) {
      Thread.onSpinWait();
    }
    stopping.set(true);
    waiting.interrupt();
    waiting.join();
    assertThat(thrown.get())
        .isInstanceOf(StoppedException.class)
        .hasCauseInstanceOf(IOException.class);
  }
}
