/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.ensure.Domain;
import io.zcbot.sandbox.worker.ops.Logging;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * How much memory the answer to an ensure of a running sandbox allocates, on a real engine: each
 * garbage collection makes all users wait. Kafka's part is left out. Isolated, because it counts
 * the allocations of all threads.
 */
@Tag("engine")
@Isolated
class HotEnsureAllocationIT {
  private static final int ENSURES = 100;
  private static final int BATCHES = 5;
  private static final long MOST_BYTES = 34_000;

  @TempDir Path root;
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final EventCodec codec = new EventCodec();
  private DomainFixture worker;
  private Domain domain;

  @BeforeEach
  void setUp() throws IOException {
    Logging.configureForCommand(false); // whatever another test left: each line takes as much again
    EngineFixture fixture = new EngineFixture(root, Duration.ofSeconds(60));
    worker = new DomainFixture(fixture, root);
    domain = worker.begin(fixture.spec(), worker.mounts(), 0);
  }

  @AfterEach
  void tearDown() throws Exception {
    worker.close();
  }

  @Test
  void anEnsureOfARunningSandboxAllocatesLittle() throws Exception {
    UserId anna = new UserId(UUID.randomUUID());
    batch(anna); // makes the sandbox, and loads what is used

    long least = Long.MAX_VALUE; // in one of them nobody else was at work
    for (int i = 0; i < BATCHES; i++) {
      least = Math.min(least, batch(anna));
    }
    assertThat(least).as("bytes for each ensure").isLessThan(MOST_BYTES);
  }

  private long batch(UserId user) throws Exception {
    long before = threads.getTotalThreadAllocatedBytes();
    for (int i = 0; i < ENSURES; i++) {
      FutureTask<byte[]> turn =
          new FutureTask<>(() -> codec.encode((Ready) worker.ensure(domain, user)));
      Thread.ofVirtual().start(turn); // as a lane does, which ends with its work
      assertThat(turn.get()).isNotEmpty();
    }
    return (threads.getTotalThreadAllocatedBytes() - before) / ENSURES;
  }
}
