/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.jspecify.annotations.Nullable;

/**
 * The progress of one partition in one assignment. Records complete in any order; the offset to
 * commit is the position before which all are complete.
 *
 * <p>Offsets have gaps (compaction, transaction markers), so none is calculated: the offset to
 * commit is that of the first record in flight, or, with none in flight, the position that the
 * consumer reported.
 *
 * <p>Each assignment gets its own tracker. A completion that comes late, after the partition was
 * revoked or even assigned again, marks a record of the old tracker, which nobody reads.
 *
 * <p>Confined to the poll thread, except for the completion of records, which is for any thread.
 */
final class OffsetTracker {
  private final ArrayDeque<InFlightRecord> inFlight = new ArrayDeque<>();
  private final AtomicInteger incomplete = new AtomicInteger();
  private final CompletedOffsets before;
  private OffsetAndMetadata position;
  private OffsetAndMetadata committed;
  private Optional<Integer> epochOfDone;

  /** Starts at the offset from which the assignment will be read. */
  OffsetTracker(long position) {
    this(new OffsetAndMetadata(position));
  }

  /** Starts at what the former owner of the partition committed, with its completed records. */
  OffsetTracker(OffsetAndMetadata committed) {
    this.before = CompletedOffsets.decode(committed.offset(), committed.metadata());
    this.position = committed;
    this.committed = committed;
    this.epochOfDone = committed.leaderEpoch();
  }

  /**
   * Whether a record is behind all in flight. It is not if the log lost its tail and other records
   * took those offsets.
   */
  boolean isNext(long offset) {
    drain();
    InFlightRecord last = inFlight.peekLast();
    return last == null || last.offset() < offset;
  }

  /**
   * Notes a record that was read. Records come in the order of their offsets.
   *
   * @param epoch of the leader that appended it
   * @param user whose lane works on it; null if no lane does
   * @param due when it should be complete, on the monotonic clock
   * @throws IllegalStateException if the offset is not behind all in flight
   */
  InFlightRecord open(long offset, Optional<Integer> epoch, @Nullable UserId user, long due) {
    if (!isNext(offset)) {
      throw new IllegalStateException("offset " + offset + " is not behind those in flight");
    }
    if (inFlight.isEmpty()) {
      epochOfDone = position.leaderEpoch();
    }
    InFlightRecord record = new InFlightRecord(offset, epoch, user, due, incomplete);
    inFlight.addLast(record);
    return record;
  }

  /** As the other method, with the offset and the epoch of a record. */
  InFlightRecord open(ConsumerRecord<byte[], byte[]> record, @Nullable UserId user, long due) {
    return open(record.offset(), record.leaderEpoch(), user, due);
  }

  /** Whether a former owner of the partition completed this record; if so, notes it as complete. */
  boolean skip(long offset, Optional<Integer> epoch) {
    if (!before.contains(offset, number(epoch))) {
      return false;
    }
    open(offset, epoch, null, 0).complete();
    return true;
  }

  /** Notes the offset from which the consumer continues, behind every record in flight. */
  void advanceTo(OffsetAndMetadata position) {
    this.position = position;
  }

  /** The offset from which the consumer continues. */
  OffsetAndMetadata position() {
    return position;
  }

  /**
   * The number of records in flight: those not complete, and those complete behind one that is not.
   */
  int inFlight() {
    drain();
    return inFlight.size();
  }

  /** The number of records that are not complete. Any thread. */
  int incomplete() {
    return incomplete.get();
  }

  /** Whether a record waits on which no lane works, because it goes elsewhere. */
  boolean hasDiverted() {
    return inFlight.stream().anyMatch(record -> record.user() == null && !record.isComplete());
  }

  /**
   * What to commit, if it differs from what was committed last: the offset of the first record that
   * is not complete, and which records behind it are.
   *
   * @param maxMetadata how many characters the metadata may have
   */
  Optional<OffsetAndMetadata> committable(int maxMetadata) {
    drain();
    InFlightRecord first = inFlight.peekFirst();
    OffsetAndMetadata reached =
        first == null
            ? with(position.offset(), position.leaderEpoch(), maxMetadata)
            : with(first.offset(), epochOfDone, maxMetadata);
    return reached.equals(committed) ? Optional.empty() : Optional.of(reached);
  }

  private OffsetAndMetadata with(long offset, Optional<Integer> epoch, int maxMetadata) {
    return new OffsetAndMetadata(offset, epoch, completed().encode(offset, maxMetadata));
  }

  private CompletedOffsets completed() {
    CompletedOffsets.Builder completed = new CompletedOffsets.Builder();
    for (InFlightRecord record : inFlight) {
      if (record.isComplete()) {
        long offset = record.offset();
        completed.complete(new CompletedOffsets.Run(offset, offset, number(record.epoch())));
      } else {
        completed.gap();
      }
    }
    completed.gap();
    // Keep what the former owner completed and this worker has not read yet.
    for (CompletedOffsets.Run run : before.runs()) {
      if (run.last() >= position.offset()) {
        long from = Math.max(run.first(), position.offset());
        completed.complete(new CompletedOffsets.Run(from, run.last(), run.epoch())).gap();
      }
    }
    return completed.build();
  }

  private static int number(Optional<Integer> epoch) {
    return epoch.orElse(-1);
  }

  /**
   * Notes a successful commit. One with an older offset is ignored, since commits may be reported
   * out of order, unless reading began anew below an offset that was beyond the end of the log.
   */
  void committed(OffsetAndMetadata offset) {
    if (offset.offset() >= committed.offset() || position.offset() < committed.offset()) {
      committed = offset;
    }
  }

  /** What was last known to be committed. */
  OffsetAndMetadata committed() {
    return committed;
  }

  /**
   * For how long the most overdue record has been in flight past its due instant.
   *
   * @param now on the monotonic clock
   * @return zero if none is overdue
   */
  Duration overdue(long now) {
    long longest = 0;
    for (InFlightRecord record : inFlight) {
      if (!record.isComplete()) {
        longest = Math.max(longest, now - record.due());
      }
    }
    return Duration.ofNanos(longest);
  }

  private void drain() {
    while (!inFlight.isEmpty() && inFlight.getFirst().isComplete()) {
      epochOfDone = inFlight.removeFirst().epoch();
    }
  }
}
