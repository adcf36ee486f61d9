/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.commands.ReadInput;
import io.zcbot.sandbox.worker.commands.Taken;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Hands inputs to their commands, each once and in order. Inputs of commands that are not known yet
 * wait. While a command takes no more, the log is its buffer: an {@link InputDetour} reads the
 * partition again for that command. Signals and sizes overtake standard input that waits. The poll
 * thread, lanes and detours call it; no method blocks.
 */
final class CommandInputs implements AutoCloseable {
  /** Bounds of the inputs that wait for commands that are not known. */
  static final long MAX_BYTES = 4L << 20;

  static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

  /** Room is made down to this level, so that not every further input searches all that wait. */
  private static final long ROOMY = MAX_BYTES / 8 * 7;

  /** A partition that comes back later than this is begun like a new one. */
  private static final Duration REMEMBERED = Duration.ofMinutes(10);

  private final CommandWork work;
  private final InputDetours detourMaker;
  private final Time time;
  private final IntakeMetrics metrics;
  private final Map<TopicPartition, Long> next = new HashMap<>();
  private final Map<TopicPartition, Long> leftAt = new HashMap<>();
  private final Map<CommandKey, WaitingInputs> waiting = new LinkedHashMap<>();
  private final Set<CommandKey> expected = new HashSet<>();
  private final Map<CommandKey, InputDetour> detours = new HashMap<>();
  private final DroppedInputs dropped;
  private long bytes;

  CommandInputs(CommandWork work, InputDetours detourMaker, Time time, IntakeMetrics metrics) {
    this.work = work;
    this.detourMaker = detourMaker;
    this.time = time;
    this.metrics = metrics;
    this.dropped = new DroppedInputs(detourMaker.places(), time);
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
    // What waits for the command, or is read again for it, comes first.
    boolean waits = waiting.containsKey(key) || expected.contains(key);
    switch (waits ? Taken.UNKNOWN : work.input(input)) {
      case TAKEN -> {}
      case FULL -> detour(key, partition, record.offset(), record.offset());
      case UNKNOWN -> hold(partition, input, record);
    }
  }

  private void hold(
      TopicPartition partition, ReadInput input, ConsumerRecord<byte[], byte[]> record) {
    CommandKey key = input.key();
    WaitingInputs inputs = waiting.get(key);
    if (inputs == null) {
      inputs = new WaitingInputs(key, partition, record.offset(), time.nanos());
      waiting.put(key, inputs);
      bytes += inputs.bytes();
    }
    bytes += inputs.add(input, record.offset(), InFlightBytes.sizeOf(record));
    makeRoom();
  }

  private void makeRoom() {
    if (bytes <= MAX_BYTES) {
      return;
    }
    Iterator<WaitingInputs> oldest = waiting.values().iterator();
    while (bytes > ROOMY && oldest.hasNext()) {
      bytes -= oldest.next().leave();
    }
    // Anybody can invent commands; so drop those with a known exec last, as detours are expensive.
    dropIf(inputs -> bytes > ROOMY && !expected.contains(inputs.key));
    dropIf(_ -> bytes > ROOMY);
  }

  private void dropIf(Predicate<WaitingInputs> which) {
    waiting
        .values()
        .removeIf(
            inputs -> {
              boolean goes = which.test(inputs);
              if (goes) {
                bytes -= inputs.bytes();
                metrics.inputsDropped(inputs.count());
                dropped.add(inputs.key);
              }
              return goes;
            });
  }

  /**
   * Keeps the inputs of a command for as long as its exec waits in the lane. The inputs of a
   * command that is known already, whose exec is repeated, need not wait.
   */
  synchronized void expect(CommandKey key) {
    if (!work.knows(key.user(), key.execId())) {
      expected.add(key);
    }
  }

  /** The exec left the lane without making its command known. */
  synchronized void expectNoMore(CommandKey key) {
    expected.remove(key);
  }

  /** Hands a command, known from now on, what waits for it. */
  synchronized void known(CommandKey key) {
    WaitingInputs inputs = take(key);
    if (inputs == null) {
      return;
    }
    if (inputs.areLeft()) {
      detour(key, inputs.partition, inputs.first, next.getOrDefault(inputs.partition, 0L));
      return;
    }
    boolean full = false;
    for (WaitingInputs.Held each : inputs.held()) {
      if (full && each.input().isOfStream()) {
        continue;
      }
      if (work.input(each.input()) == Taken.FULL) {
        full = true;
        detour(key, inputs.partition, each.offset(), each.offset());
      }
    }
  }

  /**
   * As {@link #known}, for a command whose exec is read for the first time: some of its inputs may
   * have been dropped before, even if others wait for it.
   */
  synchronized void known(CommandKey key, TopicPartition partition, Instant since) {
    Instant from = dropped.readFrom(key, since);
    if (from == null) {
      known(key);
    } else {
      knownOfBefore(key, partition, from);
    }
  }

  /**
   * As the others, for a command whose exec lay in the log before its partition was assigned: its
   * inputs may have been read in an earlier assignment, or be older than the window. All inputs
   * behind the first one that waits are here, so signals and sizes among them are delivered at
   * once.
   */
  synchronized void knownOfBefore(CommandKey key, TopicPartition partition, Instant since) {
    WaitingInputs inputs = take(key);
    long first = inputs == null ? Long.MAX_VALUE : inputs.first;
    long signalsBefore =
        inputs == null || inputs.areLeft() ? next.getOrDefault(partition, 0L) : first;
    InputDetour detour = detourMaker.begin(this, key, partition, since, first, signalsBefore);
    detours.put(key, detour);
    if (inputs != null) {
      inputs.signalsAndSizes().forEach(detour::pass);
    }
  }

  private @Nullable WaitingInputs take(CommandKey key) {
    expected.remove(key);
    WaitingInputs inputs = waiting.remove(key);
    bytes -= inputs == null ? 0 : inputs.bytes();
    return inputs;
  }

  private void detour(CommandKey key, TopicPartition partition, long from, long signalsBefore) {
    detours.put(key, detourMaker.begin(this, key, partition, from, signalsBefore));
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
    dropIf(each -> now - each.since > LONGEST_WAIT.toNanos() && !expected.contains(each.key));
    detours.values().removeIf(detour -> !detour.covers(next.getOrDefault(detour.partition(), 0L)));
  }

  /** Stops with partitions; what waits of them stays in the log, in case they come back. */
  synchronized void gone(Collection<TopicPartition> partitions) {
    for (TopicPartition partition : partitions) {
      leftAt.put(partition, time.nanos());
    }
    for (WaitingInputs each : waiting.values()) {
      if (partitions.contains(each.partition)) {
        bytes -= each.leave();
      }
    }
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
