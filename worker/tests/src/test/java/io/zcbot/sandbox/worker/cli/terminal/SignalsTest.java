/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

@ResourceLock("SIGWINCH")
class SignalsTest {
  @Test
  void aSignalIsHandled() throws Exception {
    CountDownLatch handled = new CountDownLatch(1);
    // By default, the JVM ignores it.
    try (var _ = Signals.handle("WINCH", handled::countDown)) {
      Commands.signal(ProcessHandle.current().pid(), "WINCH");
      assertThat(handled.await(60, TimeUnit.SECONDS)).isTrue();
    }
  }
}
