/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.sandbox.FileCalls;
import java.io.Closeable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HostTest {
  private static final Path ROOT = Path.of("/workspaces");

  private final CountDownLatch answers = new CountDownLatch(1);
  private final Closer closer = new Closer();

  @AfterEach
  void comesBack() {
    answers.countDown();
  }

  @Test
  void aStopGoesOnThoughWhatIsOpenInTheRootDoesNotClose() throws Exception {
    FileCalls files = new FileCalls(2, 2, Duration.ofSeconds(1));
    AtomicBoolean lastClosed = new AtomicBoolean();
    closer.add(() -> lastClosed.set(true));
    Closeable _ = Host.open(files, ROOT, () -> this::hang, closer);

    Thread stop = Thread.ofVirtual().start(closer::close);

    assertThat(stop.join(Duration.ofSeconds(60))).as("the stop ends").isTrue();
    assertThat(lastClosed).isTrue();
  }

  /** Heeds no interrupt, as in the kernel. */
  private void hang() {
    boolean waits = true;
    while (waits) {
      try {
        answers.await();
        waits = false;
      } catch (InterruptedException _) {
        // the kernel would not notice
      }
    }
  }

  @Test
  void whatIsOpenInTheRootIsClosedAtTheStop() throws Exception {
    AtomicBoolean closed = new AtomicBoolean();
    Closeable _ = Host.open(new FileCalls(), ROOT, () -> () -> closed.set(true), closer);

    closer.close();

    assertThat(closed).isTrue();
  }
}
