/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/**
 * A consumer outside of a group whose polls are bounded by the decompressed size of their records.
 * It is closed at once: Kafka's own close waits for the pending fetch, up to {@code
 * fetch.max.wait.ms}, to end its session in good order; nothing here depends on that.
 */
final class BoundedConsumer extends KafkaConsumer<byte[], byte[]> {
  /** A poll returns at most this much, or one record if that is larger. */
  static final int MOST_BYTES_OF_A_POLL = 2 * 1024 * 1024;

  private final PollBudget budget;

  BoundedConsumer(Map<String, Object> settings) {
    this(settings, new PollBudget(MOST_BYTES_OF_A_POLL));
  }

  private BoundedConsumer(Map<String, Object> settings, PollBudget budget) {
    super(settings, budget, budget);
    this.budget = budget;
  }

  @Override
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    budget.renew();
    return super.poll(timeout);
  }

  @Override
  public void close() {
    close(CloseOptions.timeout(Duration.ZERO));
  }
}
