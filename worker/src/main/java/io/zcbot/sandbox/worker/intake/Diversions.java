/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles records that do not go to a lane: those in the wrong partition are forwarded, and those
 * that are not valid events go to the dead-letter topic. No method blocks.
 */
final class Diversions implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Diversions.class);

  private final RecordForwarding forwarding;
  private final Forwarder forwarder;
  private final IntakeMetrics metrics;

  /**
   * Creates the diversions.
   *
   * @param bytes counts the records in flight
   */
  Diversions(RecordForwarding forwarding, InFlightBytes bytes, IntakeMetrics metrics) {
    this.forwarding = forwarding;
    this.forwarder = new Forwarder(this::publish, bytes);
    this.metrics = metrics;
  }

  /**
   * Writes a record to the dead-letter topic.
   *
   * @param event what it is not, for example "a valid ensure"
   * @param done runs once the log has the record; never, if the worker stops before
   */
  void deadLetter(
      ConsumerRecord<byte[], byte[]> record,
      String event,
      EventFormatException why,
      Runnable done) {
    log.warn(
        "{} is not {} and is written to the dead-letter topic: {}",
        ForwardedFrom.originOf(record),
        event,
        why.getMessage());
    metrics.deadLettered(record.topic());
    forwarder.write(record, () -> forwarding.deadLetter(record, why), done);
  }

  /**
   * Publishes a record in the partition of its key. Records of one key stay in order, because
   * inputs in another order would be other inputs.
   *
   * @param done runs once the log has the record; never, if the worker stops before
   */
  void forward(ConsumerRecord<byte[], byte[]> record, int home, Runnable done) {
    forwarder.forward(record, home, done);
  }

  private void publish(List<ConsumerRecord<byte[], byte[]>> records, TopicPartition home)
      throws InterruptedException {
    int tooLarge = forwarding.forward(records, home.partition());
    for (int i = 0; i < records.size(); i++) {
      if (i < tooLarge) {
        metrics.deadLettered(home.topic());
      } else {
        metrics.forwarded(home.topic());
      }
    }
  }

  @Override
  public void close() {
    forwarder.close();
  }
}
