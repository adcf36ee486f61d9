/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import java.time.Duration;
import org.awaitility.Awaitility;
import org.awaitility.pollinterval.FixedPollInterval;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * In all tests, an {@code await()} without a deadline of its own waits as long as {@link
 * Deployment#SOON}; Awaitility's own ten seconds are too few on a busy machine. And it asks less
 * and less often, up to twice a second: many conditions take a command in a container, which costs
 * more than the tenth of a second for which Awaitility waits. JUnit finds it in {@code
 * META-INF/services}.
 */
public final class SoonByDefault implements BeforeAllCallback {
  @Override
  public void beforeAll(ExtensionContext context) {
    Awaitility.setDefaultTimeout(Deployment.SOON);
    Awaitility.setDefaultPollInterval(new LessAndLessOften());
  }

  /** A fixed one, so that Awaitility waits for as long before it asks for the first time. */
  private static final class LessAndLessOften extends FixedPollInterval {
    private static final long FIRST_MILLIS = 100;
    private static final long LONGEST_MILLIS = 500;

    LessAndLessOften() {
      super(Duration.ofMillis(FIRST_MILLIS));
    }

    @Override
    public Duration next(int pollCount, Duration previous) {
      return Duration.ofMillis(Math.min(FIRST_MILLIS * (pollCount + 1) / 2, LONGEST_MILLIS));
    }
  }
}
