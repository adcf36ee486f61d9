/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Asks brokers once for all calls that began before: there is one question at a time, however many
 * calls there are. Safe for concurrent use.
 */
final class SharedEndOffsets implements EndOffsets {
  private final EndOffsets brokers;
  private final ReentrantLock asking = new ReentrantLock(true);

  /** What is asked when the question before is answered. Guarded by this. */
  private @Nullable Question next;

  /** A question, which is asked by the first of its calls whose turn comes. */
  private static final class Question {
    /** Guarded by {@link #asking}. */
    private @Nullable Map<TopicPartition, Long> answer;
  }

  SharedEndOffsets(EndOffsets brokers) {
    this.brokers = brokers;
  }

  @Override
  public @Nullable Map<TopicPartition, Long> of(
      Collection<TopicPartition> partitions, Deadline deadline) throws InterruptedException {
    Question question = join();
    if (!asking.tryLock(deadline.nanosLeft(), TimeUnit.NANOSECONDS)) {
      return null;
    }
    try {
      Map<TopicPartition, Long> answer = question.answer;
      if (answer == null || !answer.keySet().equals(Set.copyOf(partitions))) {
        begin(question);
        answer = brokers.of(partitions, deadline);
        question.answer = answer;
      }
      return answer;
    } finally {
      asking.unlock();
    }
  }

  private synchronized Question join() {
    Question question = next == null ? new Question() : next;
    next = question;
    return question;
  }

  /** Lets calls join no more: they might miss what is written while brokers answer. */
  private synchronized void begin(Question question) {
    if (next == question) {
      next = null;
    }
  }

  @Override
  public void close() {
    brokers.close();
  }
}
