/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.TextMemory;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.trace.Trace;
import java.time.Duration;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Dispatches records: an ensure goes into its user's lane, one in the wrong partition is forwarded,
 * and a record that is not a valid ensure goes to the dead-letter topic. A record is in flight
 * until its effect is in the log.
 */
final class RecordDispatcher implements AutoCloseable {
  /** How long a record may take to another partition or to the dead-letter topic. */
  static final Duration DIVERSION = Duration.ofMinutes(1);

  private final EventCodec codec = new EventCodec();
  private final KeyPartitions partitions;
  private final Expiry expiry;
  private final LaneWork lanes;
  private final EnsureIntake.Work work;
  private final Time time;
  private final InFlightBytes bytes = new InFlightBytes();
  private final Diversions diversions;

  RecordDispatcher(
      KeyPartitions partitions,
      Duration ensureExpiry,
      LaneWork lanes,
      EnsureIntake.Work work,
      RecordForwarding forwarding,
      Time time,
      IntakeMetrics metrics) {
    this.partitions = partitions;
    this.expiry = new Expiry(ensureExpiry, time);
    this.lanes = lanes;
    this.work = work;
    this.time = time;
    this.diversions = Diversions.ofCommitted(forwarding, partitions, time, metrics);
  }

  /** Dispatches a record. Never blocks. Poll thread only. */
  void accept(ConsumerRecord<byte[], byte[]> record, OffsetTracker tracker, Ownership ownership) {
    Origin origin = ForwardedFrom.originOf(record, Topic.ENSURE);
    Ensure ensure;
    try {
      ensure = codec.decodeEnsure(record.key(), record.value(), origin);
    } catch (EventFormatException e) {
      diversions.deadLetter(
          record, "a valid ensure", e, tracker.open(record, null, diverted())::complete);
      return;
    }
    Duration left = expiry.left(ensure.expiresAt(), origin);
    int keyPartition = partitions.of(record.key());
    if (keyPartition != record.partition() && ForwardedFrom.isIn(record)) {
      diversions.deadLetter(
          record,
          "a valid ensure",
          astray(record, keyPartition, partitions),
          tracker.open(record, null, diverted())::complete);
      return;
    }
    if (keyPartition != record.partition() && !left.isZero()) {
      diversions.forward(record, keyPartition, tracker.open(record, null, diverted())::complete);
      return;
    }
    queue(ensure, record, left, tracker, ownership);
  }

  /**
   * Explains why a record with the header of a forwarded one is not served outside of its key's
   * partition: its user could then have two sandboxes. It is not forwarded, since it could circle
   * for ever, and not answered: anybody can write the header, so that the answer could be to a
   * request that only the worker of that partition knows.
   */
  static EventFormatException astray(
      ConsumerRecord<byte[], byte[]> record, int keyPartition, KeyPartitions partitions) {
    return new EventFormatException(
        ForwardedFrom.HEADER,
        ("is in a record in partition %d, but this worker, which counts %d partitions, expects the"
                + " record in partition %d; either another client than a worker wrote the header,"
                + " or the topics were raised and not all workers were restarted since")
            .formatted(record.partition(), partitions.count(), keyPartition));
  }

  /**
   * Explains why an exec is not forwarded. A worker may forward it twice, so that its command could
   * run twice: only a header that anybody can write would tell that both copies are one exec.
   */
  static String withoutId(ConsumerRecord<byte[], byte[]> record, int keyPartition) {
    return ("the exec has no event_id and lies in partition %d, while its user's partition is %d;"
            + " set an event_id, or have the producer place records like Kafka's Java producer"
            + " (partitioner=murmur2_random in librdkafka)")
        .formatted(record.partition(), keyPartition);
  }

  private void queue(
      Ensure ensure,
      ConsumerRecord<byte[], byte[]> record,
      Duration left,
      OffsetTracker tracker,
      Ownership ownership) {
    long now = time.nanos();
    InFlightRecord inFlight = tracker.open(record, ensure.userId(), now + left.toNanos());
    int texts = TextMemory.of(ensure.eventId(), ensure.requestedBy());
    EnsureRequest request =
        new EnsureRequest(
            ensure,
            record.partition(),
            now,
            Deadline.in(left, time),
            ownership,
            RequestHeaders.contextOf(record, Topic.ENSURE));
    lanes.submit(
        record,
        ensure.userId(),
        ownership::mayBegin,
        () -> {
          work.ensure(request);
          inFlight.complete();
        },
        bytes.hold(texts + Trace.sizeOf(record.headers()))::release);
  }

  private long diverted() {
    return time.nanos() + DIVERSION.toNanos();
  }

  /** Whether reading should pause until some of what was read is done. */
  boolean isFull() {
    return bytes.isFull(diversions.bytes());
  }

  /** Whether partitions that have diverted records should pause until some have arrived. */
  boolean isFullOfDiverted() {
    return diversions.isFull();
  }

  @Override
  public void close() {
    diversions.close();
  }
}
