/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** How often brokers are asked, which a test with brokers doesn't see. */
class SharedEndOffsetsTest {
  private static final TopicPartition PARTITION = new TopicPartition("sandbox.current", 0);

  private final Semaphore answers = new Semaphore(0);
  private final AtomicLong end = new AtomicLong();
  private final AtomicInteger questions = new AtomicInteger();

  /** The end is that of the time at which the question came. */
  private final SharedEndOffsets shared =
      new SharedEndOffsets(
          new EndOffsets() {
            @Override
            public @Nullable Map<TopicPartition, Long> of(
                Collection<TopicPartition> partitions, Deadline deadline)
                throws InterruptedException {
              questions.incrementAndGet();
              long now = end.get();
              return answers.tryAcquire(deadline.nanosLeft(), TimeUnit.NANOSECONDS)
                  ? Map.of(PARTITION, now)
                  : null;
            }

            @Override
            public void close() {}
          });

  private FutureTask<@Nullable Map<TopicPartition, Long>> asked(Duration within) {
    FutureTask<@Nullable Map<TopicPartition, Long>> task =
        new FutureTask<>(() -> shared.of(List.of(PARTITION), Deadline.in(within)));
    Thread thread = Thread.ofPlatform().daemon().start(task);
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> task.isDone() || thread.getState() == Thread.State.TIMED_WAITING);
    return task;
  }

  @Test
  void callsThatBeganBeforeShareOneQuestion() throws Exception {
    Duration late = Duration.ofMinutes(1);
    var first = asked(late);
    end.set(7); // while brokers answer the first one
    List<FutureTask<@Nullable Map<TopicPartition, Long>>> others = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      others.add(asked(late));
    }
    answers.release(2);
    assertThat(first.get(60, TimeUnit.SECONDS)).containsEntry(PARTITION, 0L);
    for (var other : others) {
      assertThat(other.get(60, TimeUnit.SECONDS)).containsEntry(PARTITION, 7L);
    }
    assertThat(questions).hasValue(2);
  }

  @Test
  void aCallAsksAgainIfTheOneThatItSharedHadNoMoreTime() throws Exception {
    var first = asked(Duration.ofMinutes(1));
    var brief = asked(Duration.ofMillis(300));
    var other = asked(Duration.ofMinutes(1));
    assertThat(brief.get(60, TimeUnit.SECONDS)).isNull();
    answers.release(2);
    assertThat(first.get(60, TimeUnit.SECONDS)).isNotNull();
    assertThat(other.get(60, TimeUnit.SECONDS)).isNotNull();
  }
}
