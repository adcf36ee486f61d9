/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.StoppedException;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Dispatches records: an ensure goes into its user's lane, one in the wrong partition is forwarded,
 * and one that is not a valid ensure goes to the dead-letter topic. Each is in flight until its
 * effect is in the log.
 */
final class RecordDispatcher implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(RecordDispatcher.class);

  /** No ensure is worked on for longer than this, whatever its {@code expires_at} says. */
  static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

  /** What a record that goes to another partition or the dead-letter topic may take. */
  private static final Duration FORWARDING = Duration.ofMinutes(1);

  /** Some four thousand ensures of the usual size. */
  private static final long MAX_BYTES_IN_FLIGHT = 16L << 20;

  private final EventCodec codec = new EventCodec();
  private final KeyPartitions partitions;
  private final Duration ensureExpiry;
  private final UserLanes lanes;
  private final EnsureIntake.Work work;
  private final RecordForwarding forwarding;
  private final Lease lease;
  private final Time time;
  private final IntakeMetrics metrics;
  private final InFlightBytes bytes = new InFlightBytes(MAX_BYTES_IN_FLIGHT);
  private final Forwarder forwarder = new Forwarder(bytes);

  RecordDispatcher(
      KeyPartitions partitions,
      Duration ensureExpiry,
      UserLanes lanes,
      EnsureIntake.Work work,
      RecordForwarding forwarding,
      Lease lease,
      Time time,
      IntakeMetrics metrics) {
    this.partitions = partitions;
    this.ensureExpiry = ensureExpiry;
    this.lanes = lanes;
    this.work = work;
    this.forwarding = forwarding;
    this.lease = lease;
    this.time = time;
    this.metrics = metrics;
  }

  /** Takes a record; never blocks. Poll thread only. */
  void accept(ConsumerRecord<byte[], byte[]> record, OffsetTracker tracker) {
    Origin origin = ForwardedFrom.originOf(record);
    Ensure ensure;
    try {
      ensure = codec.decodeEnsure(record.key(), record.value(), origin);
    } catch (EventFormatException e) {
      log.warn(
          "{} is not a valid ensure and is written to the dead-letter topic: {}",
          origin,
          e.getMessage());
      metrics.deadLettered(record.topic());
      forward(record, tracker, () -> forwarding.deadLetter(record, e));
      return;
    }
    Instant expires =
        ensure.expiresAt() != null ? ensure.expiresAt() : origin.timestamp().plus(ensureExpiry);
    int home = partitions.of(record.key());
    String refusal = null;
    if (home != record.partition() && !left(expires).isZero()) {
      if (!ForwardedFrom.isIn(record)) {
        metrics.forwarded(record.topic());
        forward(record, tracker, () -> forwarding.forward(record, home));
        return;
      }
      // Served here, its user could have two sandboxes; forwarded again, it could circle for ever.
      refusal =
          ("the ensure was forwarded to partition %d, but this worker, which counts %d partitions,"
                  + " expects it in partition %d: the topics were raised and not all workers were"
                  + " restarted since")
              .formatted(record.partition(), partitions.count(), home);
    }
    queue(ensure, record, expires, refusal, tracker);
  }

  private void queue(
      Ensure ensure,
      ConsumerRecord<byte[], byte[]> record,
      Instant expires,
      @Nullable String refusal,
      OffsetTracker tracker) {
    long now = time.nanos();
    long deadline = now + left(expires).toNanos();
    InFlightRecord inFlight =
        tracker.open(record.offset(), record.leaderEpoch(), ensure.userId(), deadline);
    EnsureRequest request =
        new EnsureRequest(ensure, record.partition(), now, deadline, () -> pass(inFlight), refusal);
    long size = bytes.add(record);
    boolean accepted =
        lanes.submit(
            ensure.userId(),
            () -> {
              try {
                if (!inFlight.partition().mayBegin()) {
                  return;
                }
                work.ensure(request);
                inFlight.complete();
              } catch (FencedException e) {
                log.info("not answered by this worker: {}", e.getMessage());
              } catch (StoppedException e) {
                log.info("{}; the record is read again after the next start", e.getMessage());
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              } finally {
                bytes.remove(size);
              }
            });
    if (!accepted) { // a stop: the record stays in flight and is read again
      bytes.remove(size);
    }
  }

  private void pass(InFlightRecord inFlight) throws FencedException, InterruptedException {
    if (!lease.awaitValid(() -> !inFlight.partition().mayAnnounce())) {
      throw new FencedException("another worker owns the partition by now");
    }
  }

  private Duration left(Instant expires) {
    Duration left = Duration.between(time.now(), expires);
    if (left.isNegative()) {
      return Duration.ZERO;
    }
    return left.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : left;
  }

  private void forward(
      ConsumerRecord<byte[], byte[]> record, OffsetTracker tracker, Forwarder.Task task) {
    InFlightRecord inFlight =
        tracker.open(
            record.offset(), record.leaderEpoch(), null, time.nanos() + FORWARDING.toNanos());
    forwarder.forward(record, task, inFlight::complete);
  }

  /** Whether nothing more should be read until some of what was read is done. */
  boolean isFull() {
    return bytes.isFull();
  }

  @Override
  public void close() {
    forwarder.close();
  }
}
