/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles records that do not go to a lane: those in the wrong partition are forwarded, and those
 * that are not valid events go to the dead-letter topic. No method blocks. Called on the poll
 * thread.
 */
final class Diversions implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Diversions.class);

  /** Stands for the dead-letter topic, whatever its name is. */
  private static final String DEAD_LETTERS = "dead letters";

  /** Of records that are committed; half of what may be in flight, so that others are read. */
  private static final long MAX_COMMITTED = InFlightBytes.MOST / 2;

  /**
   * Of records that are not committed. Reached only where many partitions at once take nothing, and
   * much was on its way to them before that showed.
   */
  private static final long MAX_UNCOMMITTED = 2 * DiversionTargets.MOST;

  private final RecordForwarding forwarding;
  private final KeyPartitions partitions;
  private final DiversionTargets targets;
  private final boolean mayDrop;
  private final Forwarder forwarder;
  private final IntakeMetrics metrics;

  /** The partitions of which it was told that records for them are dropped. Poll thread only. */
  private final Set<TopicPartition> told = new HashSet<>();

  private Diversions(
      RecordForwarding forwarding,
      KeyPartitions partitions,
      boolean mayDrop,
      Time time,
      IntakeMetrics metrics) {
    this.forwarding = forwarding;
    this.partitions = partitions;
    this.targets = new DiversionTargets(time);
    this.mayDrop = mayDrop;
    this.forwarder = new Forwarder(this::publish, targets);
    this.metrics = metrics;
  }

  /** The diversions of records that are committed, so that none may be dropped. */
  static Diversions ofCommitted(
      RecordForwarding forwarding, KeyPartitions partitions, Time time, IntakeMetrics metrics) {
    return new Diversions(forwarding, partitions, false, time, metrics);
  }

  /**
   * The diversions of records that are not committed. For a partition that takes nothing some wait,
   * and further ones are dropped: they would hold up all others.
   */
  static Diversions ofUncommitted(
      RecordForwarding forwarding, KeyPartitions partitions, Time time, IntakeMetrics metrics) {
    return new Diversions(forwarding, partitions, true, time, metrics);
  }

  /** Whether reading where these records come from should pause until some have arrived. */
  boolean isFull() {
    return mayDrop
        ? targets.bytes() >= MAX_UNCOMMITTED || targets.isFull()
        : targets.bytes() >= MAX_COMMITTED;
  }

  /** How much is on its way. */
  long bytes() {
    return targets.bytes();
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
    byte[] key = record.key();
    // A record without a key goes to any partition that has a leader.
    TopicPartition to = new TopicPartition(DEAD_LETTERS, key == null ? -1 : partitions.of(key));
    if (isDropped(record, to)) {
      return;
    }
    log.warn(
        "{} is not {} and is written to the dead-letter topic: {}",
        Origins.of(record),
        event,
        why.getMessage());
    metrics.deadLettered(record.topic());
    forwarder.write(record, to, () -> forwarding.deadLetter(record, why), done);
  }

  /**
   * Publishes a record in the partition of its key. Records of one key stay in order, because
   * inputs in another order would be other inputs.
   *
   * @param done runs once the log has the record; never, if the worker stops before
   */
  void forward(ConsumerRecord<byte[], byte[]> record, int home, Runnable done) {
    if (!isDropped(record, new TopicPartition(record.topic(), home))) {
      forwarder.forward(record, home, done);
    }
  }

  private boolean isDropped(ConsumerRecord<byte[], byte[]> record, TopicPartition to) {
    if (!mayDrop || !targets.isStuck(to)) {
      told.remove(to);
      return false;
    }
    metrics.diversionDropped(record.topic());
    if (told.add(to)) {
      log.warn(
          "{}-{} takes no records; further ones for it are dropped until it does, from {} on",
          to.topic(),
          to.partition(),
          Origins.of(record));
    }
    return true;
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
