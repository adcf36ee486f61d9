/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SharedAttemptsTest {
  private final SharedAttempts attempts = new SharedAttempts(Operation.PULL);
  private final CompletableFuture<@Nullable Throwable> others = new CompletableFuture<>();

  /** Makes an attempt for whose outcome another caller waits. */
  private void runShared(SharedAttempts.Attempt attempt) throws EngineException {
    attempts.run(
        () -> {
          Thread other =
              Thread.ofVirtual()
                  .start(() -> others.complete(catchThrowable(() -> attempts.run(attempt))));
          await()
              .atMost(Duration.ofSeconds(60))
              .until(() -> other.getState() == Thread.State.WAITING);
          attempt.run();
        });
  }

  @Test
  void everybodyGetsTheFailureAndMayTryAgain() throws Exception {
    EngineException failure =
        EngineErrors.exception(Kind.REJECTED, Operation.PULL, "no such image", "", null);
    AtomicBoolean isDone = new AtomicBoolean();
    assertThatThrownBy(
            () ->
                runShared(
                    () -> {
                      throw failure;
                    }))
        .isSameAs(failure);
    assertThat(others.get(60, TimeUnit.SECONDS)).isSameAs(failure);
    attempts.run(() -> isDone.set(true));
    assertThat(isDone).isTrue();
  }

  @Test
  void aFaultIsThrownWhereItIsAndOthersMayTryAgain() throws Exception {
    Error error = new OutOfMemoryError("test");
    assertThatThrownBy(
            () ->
                runShared(
                    () -> {
                      throw error;
                    }))
        .isSameAs(error);
    assertThat(others.get(60, TimeUnit.SECONDS))
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.kind()).isEqualTo(Kind.TRANSIENT));
  }
}
