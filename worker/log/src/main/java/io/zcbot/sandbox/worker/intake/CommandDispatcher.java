/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.TextMemory;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandInput;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.commands.ExecMemory;
import io.zcbot.sandbox.worker.commands.ExecRequest;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.Origins;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import io.zcbot.sandbox.worker.trace.Trace;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Dispatches execs, releases and inputs: into their user's lane, to their command, to the partition
 * of their key, or to the dead-letter topic. Never blocks the poll thread, which calls it.
 */
final class CommandDispatcher implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(CommandDispatcher.class);

  private final EventCodec codec = new EventCodec();
  private final CommandFollower.Topics topics;
  private final KeyPartitions partitions;
  private final Expiry expiry;
  private final LaneWork lanes;
  private final CommandWork work;
  private final CommandInputs inputs;
  private final Time time;
  private final IntakeMetrics metrics;
  private final InFlightBytes bytes = new InFlightBytes();
  private final Diversions diversions;
  private final Diversions inputDiversions;

  CommandDispatcher(
      CommandFollower.Settings settings,
      UserLanes lanes,
      CommandWork work,
      CommandInputs inputs,
      RecordForwarding forwarding,
      Time time,
      IntakeMetrics metrics) {
    this.topics = settings.topics();
    this.partitions = new KeyPartitions(settings.partitionCount());
    this.expiry = new Expiry(settings.execExpiry(), time);
    this.lanes = new LaneWork(lanes, settings.tracing());
    this.work = work;
    this.inputs = inputs;
    this.time = time;
    this.metrics = metrics;
    this.diversions = Diversions.ofCommitted(forwarding, partitions, time, metrics);
    this.inputDiversions = Diversions.ofUncommitted(forwarding, partitions, time, metrics);
  }

  /** Takes an exec or a release; never blocks. Poll thread only. */
  void accept(
      ConsumerRecord<byte[], byte[]> record, FollowedPartition followed, OffsetTracker tracker) {
    if (record.topic().equals(topics.exec())) {
      acceptExec(record, followed, tracker);
    } else {
      acceptRelease(record, followed, tracker);
    }
  }

  private void acceptExec(
      ConsumerRecord<byte[], byte[]> record, FollowedPartition followed, OffsetTracker tracker) {
    Origin origin = ForwardedFrom.originOf(record, Topic.EXEC);
    Exec exec =
        decoded(
            record,
            tracker,
            "a valid exec",
            () -> codec.decodeExec(record.key(), record.value(), origin));
    if (exec == null) {
      return;
    }
    int keyPartition = partitions.of(record.key());
    Duration left = expiry.left(exec.expiresAt(), origin);
    boolean isStray = keyPartition != record.partition();
    if (isStray && ForwardedFrom.isIn(record)) {
      diversions.deadLetter(
          record,
          "a valid exec",
          RecordDispatcher.astray(record, keyPartition, partitions),
          diverted(record, tracker));
      return;
    }
    if (isStray && !exec.eventId().equals(origin.eventId())) {
      // Even if it expired: it may have been forwarded before, and its command may run there.
      diversions.forward(record, keyPartition, diverted(record, tracker));
      return;
    }
    RequestContext context = RequestHeaders.contextOf(record, Topic.EXEC);
    if (isStray) {
      context =
          new RequestContext(context.replyTo(), RecordDispatcher.withoutId(record, keyPartition));
    }
    queue(exec, origin, record, left, context, followed, tracker);
  }

  private interface Decoding<T> {
    T decode() throws EventFormatException;
  }

  /** Decodes a record; null if it is no valid event and was sent to the dead-letter topic. */
  private <T> @Nullable T decoded(
      ConsumerRecord<byte[], byte[]> record,
      OffsetTracker tracker,
      String what,
      Decoding<T> decoding) {
    try {
      return decoding.decode();
    } catch (EventFormatException e) {
      diversions.deadLetter(record, what, e, diverted(record, tracker));
      return null;
    }
  }

  private void acceptRelease(
      ConsumerRecord<byte[], byte[]> record, FollowedPartition followed, OffsetTracker tracker) {
    Origin origin = ForwardedFrom.originOf(record, Topic.RELEASE);
    Release release =
        decoded(
            record,
            tracker,
            "a valid release",
            () -> {
              // A release has no answer to copy, but an invalid header must not pass unnoticed.
              RequestHeaders.replyTo(record, Topic.RELEASE);
              return codec.decodeRelease(record.key(), record.value(), origin);
            });
    if (release == null) {
      return;
    }
    int keyPartition = partitions.of(record.key());
    if (keyPartition != record.partition() && !ForwardedFrom.isIn(record)) {
      diversions.forward(record, keyPartition, diverted(record, tracker));
      return;
    }
    InFlightRecord inFlight = tracker.open(record, release.userId(), due());
    if (keyPartition != record.partition()) {
      log.warn(
          "{} is ignored: {}",
          Origins.of(record),
          RecordDispatcher.astray(record, keyPartition, partitions).getMessage());
      inFlight.complete();
      return;
    }
    int texts = TextMemory.of(release.eventId(), release.requestedBy(), release.containerId());
    lanes.submit(
        record,
        release.userId(),
        followed::mayBegin,
        () -> {
          work.release(release, followed.ownership());
          inFlight.complete();
        },
        bytes.hold(texts + Trace.sizeOf(record.headers()))::release);
  }

  private void queue(
      Exec exec,
      Origin origin,
      ConsumerRecord<byte[], byte[]> record,
      Duration left,
      RequestContext context,
      FollowedPartition followed,
      OffsetTracker tracker) {
    long now = time.nanos();
    InFlightRecord inFlight = tracker.open(record, exec.userId(), now + left.toNanos());
    int trace = Trace.sizeOf(record.headers());
    InFlightBytes.Held held = bytes.hold(ExecMemory.sizeOf(exec) + trace);
    Runnable release = followed.hold(held::release);
    ExecRequest request =
        new ExecRequest(
            exec,
            record.partition(),
            record.offset(),
            now,
            Deadline.in(left, time),
            followed.ownership(),
            followed::mayBegin,
            () -> {
              inFlight.complete();
              release.run();
            },
            context);
    CommandKey key = CommandKey.of(exec);
    AtomicBoolean known = new AtomicBoolean();
    TopicPartition inputsFrom = new TopicPartition(topics.input(), record.partition());
    Instant published = expiry.published(origin, record.timestamp());
    boolean isOfBefore =
        record.offset() < followed.firstOfAssignment()
            && (exec.inputFollows() || isOlderThanWindow(published));
    CommandInput input = work.expect(request);
    if (input != null) {
      inputs.known(key, input, inputsFrom, published, isOfBefore);
    }
    // The task must capture neither the record nor its origin: their bytes are not counted.
    lanes.submit(
        record,
        exec.userId(),
        followed::mayBegin,
        () -> {
          work.exec(request);
          known.set(true);
          held.shrinkTo(ExecMemory.uncounted(exec) + trace);
        },
        () -> {
          work.expectNoMore(request);
          if (!known.get()) {
            release.run();
            inputs.notTaken(key, published);
          }
        });
  }

  /**
   * Whether an exec from before the assignment is old enough that the follower may have missed a
   * signal for it. Other execs need no look at the log, which each would cause after a rebalance.
   */
  private boolean isOlderThanWindow(Instant published) {
    return published.isBefore(time.now().minus(CommandPartitions.INPUT_WINDOW));
  }

  /** Takes an input; never blocks. Poll thread only. */
  void accept(ConsumerRecord<byte[], byte[]> record) {
    Origin origin = ForwardedFrom.originOf(record, Topic.INPUT);
    Input input;
    try {
      input = codec.decodeInput(record.key(), record.value(), origin);
    } catch (EventFormatException e) {
      inputDiversions.deadLetter(record, "a valid input", e, () -> {});
      return;
    }
    int keyPartition = partitions.of(record.key());
    if (keyPartition == record.partition()) {
      inputs.accept(record, input);
    } else if (ForwardedFrom.isIn(record)) {
      metrics.inputsDropped(1);
    } else {
      inputDiversions.forward(record, keyPartition, () -> {});
    }
  }

  private Runnable diverted(ConsumerRecord<byte[], byte[]> record, OffsetTracker tracker) {
    return tracker.open(record, null, due())::complete;
  }

  private long due() {
    return time.nanos() + RecordDispatcher.DIVERSION.toNanos();
  }

  /** Whether no more execs and releases should be read until some are done. */
  boolean isFull() {
    return bytes.isFull(diversions.bytes()) || work.isFull();
  }

  /** Whether partitions that have diverted execs or releases should not be read. */
  boolean isFullOfDiverted() {
    return diversions.isFull();
  }

  /** Whether no more inputs should be read until some are forwarded. */
  boolean isFullOfInputs() {
    return inputDiversions.isFull();
  }

  @Override
  public void close() {
    diversions.close();
    inputDiversions.close();
  }
}
