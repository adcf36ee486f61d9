/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CreateTurnsTest {
  private static final long LONG = Duration.ofMinutes(1).toNanos();

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  @AfterEach
  void close() {
    threads.shutdownNow();
  }

  private static void waitAndKeep(CreateTurns turns) {
    try {
      var _ = turns.await(true, LONG);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aKnownUserDoesNotWaitBehindACrowdOfNewOnes() throws Exception {
    CreateTurns turns = new CreateTurns(3);
    List<CreateTurns.Turn> newUsers = new ArrayList<>();
    newUsers.add(turns.await(true, LONG));
    newUsers.add(turns.await(true, LONG));
    for (int i = 0; i < 100; i++) {
      var _ = CompletableFuture.runAsync(() -> waitAndKeep(turns), threads);
    }
    assertThat(turns.await(true, 1)).as("a new user waits").isNull();
    assertThat(turns.await(false, 1)).as("a known one doesn't").isNotNull();
    assertThat(newUsers).doesNotContainNull();
  }

  @Test
  void aNewUserWhoGaveUpLeavesNothingTaken() throws Exception {
    CreateTurns turns = new CreateTurns(2);
    CreateTurns.Turn one = turns.await(false, LONG);
    CreateTurns.Turn two = turns.await(false, LONG);
    assertThat(turns.await(true, TimeUnit.MILLISECONDS.toNanos(1))).isNull();
    one.close();
    one.close();
    assertThat(turns.await(true, 1)).isNotNull();
    assertThat(turns.await(false, 1)).isNull();
    two.close();
    assertThat(turns.tryBehindAll()).isNotNull();
    assertThat(turns.tryBehindAll()).isNull();
  }
}
