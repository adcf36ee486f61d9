/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandInput;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.commands.ReadInput;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Hands inputs to their commands, each once and in order. A command takes them as soon as its exec
 * was read; those that are read before it wait for a moment. While a command takes no more, the log
 * is its buffer: an {@link InputDetour} reads the partition again for that command. Signals and
 * sizes overtake standard input that waits. The poll thread and detours call it; no method blocks.
 */
final class CommandInputs implements AutoCloseable {
  /** Bounds of the inputs that wait for execs that were not read. */
  static final long MAX_BYTES = 4L << 20;

  static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

  /** The clocks of brokers differ by less. */
  private static final Duration CLOCKS = Duration.ofSeconds(10);

  /** A partition that comes back later than this is begun like a new one. */
  private static final Duration REMEMBERED = Duration.ofMinutes(10);

  private final CommandWork work;
  private final InputDetours detourMaker;
  private final Time time;
  private final IntakeMetrics metrics;
  private final Map<TopicPartition, Long> next = new HashMap<>();
  private final Map<TopicPartition, Long> leftAt = new HashMap<>();
  private final Deque<Waiting> waiting = new ArrayDeque<>();
  private final Map<CommandKey, InputDetour> detours = new HashMap<>();
  private final DroppedInputs dropped;
  private long bytes;

  /** An input whose command is not known, which anybody may have made up. */
  private record Waiting(
      CommandKey key,
      ReadInput input,
      TopicPartition partition,
      long offset,
      long timestamp,
      long size,
      long since) {}

  CommandInputs(CommandWork work, InputDetours detourMaker, Time time, IntakeMetrics metrics) {
    this.work = work;
    this.detourMaker = detourMaker;
    this.time = time;
    this.metrics = metrics;
    this.dropped = new DroppedInputs(detourMaker.buckets(), time);
  }

  /**
   * Begins to read partitions.
   *
   * @param windows the window of each partition
   * @return the offsets to read from: behind what was read before, so no command gets it twice
   */
  synchronized Map<TopicPartition, Long> begin(Map<TopicPartition, PartitionOffsets.Span> windows) {
    Map<TopicPartition, Long> starts = new HashMap<>();
    windows.forEach(
        (partition, window) -> {
          Long reached = next.get(partition);
          Long left = leftAt.remove(partition);
          long start = window.start();
          if (reached != null
              && reached <= window.end()
              && left != null
              && time.nanos() - left < REMEMBERED.toNanos()) {
            start = reached;
          }
          starts.put(partition, start);
        });
    next.putAll(starts);
    return starts;
  }

  synchronized Map<TopicPartition, Long> positions(Collection<TopicPartition> of) {
    Map<TopicPartition, Long> positions = new HashMap<>(next);
    positions.keySet().retainAll(of);
    return positions;
  }

  /** Notes the offsets from which the consumer continues. */
  synchronized void advance(Map<TopicPartition, OffsetAndMetadata> reached) {
    reached.forEach(
        (partition, offset) -> next.computeIfPresent(partition, (_, _) -> offset.offset()));
  }

  /** Takes an input that was read in its user's partition. */
  synchronized void accept(ConsumerRecord<byte[], byte[]> record, Input read) {
    ReadInput input = InputDetour.asRead(record, read);
    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
    next.put(partition, record.offset() + 1);
    CommandKey key = input.key();
    InputDetour detour = detours.get(key);
    if (detour != null && detour.covers(record.offset())) {
      if (!input.isOfStream()) {
        detour.pass(input);
      }
      return;
    }
    detours.remove(key);
    CommandInput to = work.inputOf(key);
    if (to == null) {
      hold(partition, input, record);
    } else if (!to.offer(input)) {
      detour(key, to, partition, InputDetours.at(record.offset()), record.offset(), List.of());
    }
  }

  private void hold(
      TopicPartition partition, ReadInput input, ConsumerRecord<byte[], byte[]> record) {
    long size = InFlightBytes.sizeOf(record);
    bytes += size;
    waiting.add(
        new Waiting(
            input.key(),
            input,
            partition,
            record.offset(),
            record.timestamp(),
            size,
            time.nanos()));
    while (bytes > MAX_BYTES) {
      drop(waiting.remove());
    }
  }

  private void drop(Waiting oldest) {
    bytes -= oldest.size();
    metrics.inputsDropped(1);
    dropped.add(oldest.key(), oldest.timestamp());
  }

  /**
   * An exec was read, and its command takes inputs from now on: hands it what waits for it. Some of
   * its inputs may have been dropped before, even if others wait.
   *
   * @param published when the exec was
   * @param isOfBefore whether it lay in the log before its partition was assigned, so that its
   *     inputs may have been read in an earlier assignment, or be older than the window
   */
  synchronized void known(
      CommandKey key,
      CommandInput to,
      TopicPartition partition,
      Instant published,
      boolean isOfBefore) {
    detours.remove(key); // of a command of the same id, which was given up with its partition
    List<Waiting> own = take(each -> each.key().equals(key));
    Instant from = isOfBefore ? published.minus(CLOCKS) : dropped.readFrom(key, published);
    if (from != null) {
      long first = own.isEmpty() ? Long.MAX_VALUE : own.getFirst().offset();
      // All behind the first one that waits are here, so signals and sizes are delivered at once.
      long signalsBefore = own.isEmpty() ? next.getOrDefault(partition, 0L) : first;
      List<ReadInput> newer =
          own.stream().map(Waiting::input).filter(input -> !input.isOfStream()).toList();
      detour(key, to, partition, InputDetours.since(from, partition, first), signalsBefore, newer);
      return;
    }
    boolean full = false;
    for (Waiting each : own) {
      if (!(full && each.input().isOfStream()) && !to.offer(each.input())) {
        full = true;
        detour(key, to, partition, InputDetours.at(each.offset()), each.offset(), List.of());
      }
    }
  }

  /**
   * The exec of a known command left its lane and is neither queued nor answered. If it is read
   * again here, its inputs are too.
   */
  synchronized void notTaken(CommandKey key, Instant published) {
    dropped.add(key, published.minus(CLOCKS).toEpochMilli());
  }

  private void detour(
      CommandKey key,
      CommandInput to,
      TopicPartition partition,
      ToLongFunction<Consumer<byte[], byte[]>> start,
      long signalsBefore,
      List<ReadInput> newer) {
    detours.put(key, detourMaker.begin(this, key, to, partition, start, signalsBefore, newer));
  }

  /**
   * Ends a detour that has read everything below a position, if the follower has read no further.
   *
   * @param position the offset from which the detour would continue
   * @return whether the follower delivers the inputs from here on; if not, the detour reads on
   */
  synchronized boolean takesBack(InputDetour detour, long position) {
    if (next.getOrDefault(detour.partition(), 0L) > position) {
      return false;
    }
    detour.endAt(position);
    return true;
  }

  /** A detour ended because its command, or that command's input, did. */
  synchronized void ended(InputDetour detour) {
    detours.remove(detour.key(), detour);
  }

  /** Drops what waited for too long, and forgets detours that are done. */
  synchronized void tick() {
    long now = time.nanos();
    while (!waiting.isEmpty() && now - waiting.element().since() > LONGEST_WAIT.toNanos()) {
      drop(waiting.remove());
    }
    detours.values().removeIf(detour -> !detour.covers(next.getOrDefault(detour.partition(), 0L)));
  }

  /** Stops with partitions; what waits of them stays in the log, in case they come back. */
  synchronized void gone(Collection<TopicPartition> partitions) {
    for (TopicPartition partition : partitions) {
      leftAt.put(partition, time.nanos());
    }
    take(each -> partitions.contains(each.partition()))
        .forEach(each -> dropped.add(each.key(), each.timestamp()));
  }

  private List<Waiting> take(Predicate<Waiting> which) {
    List<Waiting> taken = new ArrayList<>();
    waiting.removeIf(each -> which.test(each) && taken.add(each));
    bytes -= taken.stream().mapToLong(Waiting::size).sum();
    return taken;
  }

  /** The size of the inputs that wait. */
  synchronized long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    detourMaker.close();
  }
}
