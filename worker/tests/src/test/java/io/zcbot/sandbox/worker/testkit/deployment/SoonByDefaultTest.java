/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class SoonByDefaultTest {
  /** Nothing else tells that the extension is found. */
  @Test
  void whatIsAwaitedHasUntilSoon() {
    Duration beyond = Deployment.SOON.plusSeconds(1);
    assertThatThrownBy(() -> await().pollDelay(beyond).until(() -> true))
        .hasMessageMatching(
            "Timeout \\(%d minutes\\b.* must be greater than the poll delay.*"
                .formatted(Deployment.SOON.toMinutes()));
  }
}
