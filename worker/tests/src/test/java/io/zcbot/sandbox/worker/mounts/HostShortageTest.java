/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.worker.base.HostShortage;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which failures of the worker's own host are temporary. */
class HostShortageTest {
  @ParameterizedTest
  @ValueSource(ints = {11, 12, 23, 24, 28})
  void theKernelIsShortOfSomething(int errno) {
    IOException failure = new KernelException("openat2", "w", new Errno(errno));
    assertThat(HostShortage.isBehind(failure)).isTrue();
    assertThat(HostShortage.isBehind(new IOException("could not show it", failure))).isTrue();
    assertThat(failure).hasMessageContaining("E").hasMessageNotContaining("error number");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 13, 22, 30, 40})
  void whatTheKernelRefusesItRefusesAgain(int errno) {
    IOException failure = new KernelException("openat2", "w", new Errno(errno));
    assertThat(HostShortage.isBehind(failure)).isFalse();
    assertThat(HostShortage.mayPass(failure)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {5, 107, 110, 112, 116})
  void aFileSystemThatIsAwayIsNoShortageButMayComeBack(int errno) {
    IOException failure = new KernelException("openat2", "w", new Errno(errno));
    assertThat(HostShortage.isBehind(failure)).isFalse();
    assertThat(HostShortage.mayPass(failure)).isTrue();
    assertThat(HostShortage.mayPass(new IOException("could not limit it", failure))).isTrue();
  }

  @Test
  void aFileSystemIsFull() {
    assertThat(HostShortage.isBehind(new FileSystemException("w", null, "No space left on device")))
        .isTrue();
    assertThat(HostShortage.isBehind(new NoSuchFileException("w"))).isFalse();
  }

  /** As the JDK says it; nothing but its text tells why. */
  @Test
  void aProgramDoesNotStart() {
    assertThat(HostShortage.isBehind(new IOException("error=11, Resource temporarily unavailable")))
        .isTrue();
    IOException missing =
        catchThrowableOfType(
            IOException.class, () -> new ProcessBuilder("/no/such/program").start());
    assertThat(HostShortage.isBehind(missing)).isFalse();
  }
}
