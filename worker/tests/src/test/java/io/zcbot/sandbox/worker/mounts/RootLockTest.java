/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RootLockTest {
  @TempDir private Path root;

  @Test
  void lanesWaitForOneAnother() throws Exception {
    try (var lane = Executors.newSingleThreadExecutor()) {
      Future<?> other;
      try (RootLock _ = RootLock.take(root)) {
        other =
            lane.submit(
                () -> {
                  Other.main(root.toString());
                  return null;
                });
        assertThat(isDone(other)).isFalse();
      }
      other.get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void workersWaitForOneAnother() throws Exception {
    Process other;
    try (RootLock _ = RootLock.take(root)) {
      other = AnotherProcess.start(List.of(), Other.class, root);
      BufferedReader said = other.inputReader();
      assertThat(said.readLine()).isEqualTo("waiting");
      assertThat(other.waitFor(500, TimeUnit.MILLISECONDS)).isFalse();
      assertThat(said.ready()).isFalse();
    }
    assertThat(other.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(other.inputReader().readLine()).isEqualTo("taken");
  }

  /** As a caller is that waited long enough. */
  @Test
  void whoIsInterruptedWaitsNoLonger() throws Exception {
    try (var lane = Executors.newSingleThreadExecutor();
        RootLock _ = RootLock.take(root)) {
      Future<RootLock> waits = lane.submit(() -> RootLock.take(root));
      lane.shutdownNow();
      assertThatThrownBy(() -> waits.get(60, TimeUnit.SECONDS))
          .hasCauseInstanceOf(IOException.class);
    }
  }

  private static boolean isDone(Future<?> future) throws InterruptedException {
    for (int i = 0; i < 10 && !future.isDone(); i++) {
      Thread.sleep(50);
    }
    return future.isDone();
  }

  /** Another process that wants the lock. */
  static final class Other {
    private Other() {}

    public static void main(String... args) throws Exception {
      System.out.println("waiting");
      try (RootLock _ = RootLock.take(Path.of(args[0]))) {
        System.out.println("taken");
      }
    }
  }
}
