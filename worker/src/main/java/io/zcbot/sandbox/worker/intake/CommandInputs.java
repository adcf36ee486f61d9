/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.commands.ReadInput;
import io.zcbot.sandbox.worker.commands.Taken;
import io.zcbot.sandbox.worker.kafka.LogRange;
import io.zcbot.sandbox.worker.sandbox.Time;
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
 * Hands inputs to their commands, each input once and in order. Those of commands that are not
 * known yet wait. Where a command takes no more for the time being, the log is the buffer: a detour
 * of its own reads the partition again for it. Signals and sizes pass what waits there.
 */
final class CommandInputs implements AutoCloseable {
  /** How much waits for commands that are not known, and for how long. */
  static final long MAX_BYTES = 4L << 20;

  static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

  /** Dropped down to, so that not each input has all that waits looked through. */
  private static final long ROOMY = MAX_BYTES / 8 * 7;

  /** A partition that was away for longer is begun like a new one. */
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
   * Begins with partitions.
   *
   * @param range their window
   * @return the offsets to read from: not what was read before, or a command would have it twice
   */
  synchronized Map<TopicPartition, Long> begin(LogRange range) {
    Map<TopicPartition, Long> starts = new HashMap<>();
    range
        .ends()
        .forEach(
            (partition, end) -> {
              Long reached = next.get(partition);
              Long left = leftAt.remove(partition);
              boolean isRemembered =
                  reached != null
                      && reached <= end
                      && left != null
                      && time.nanos() - left < REMEMBERED.toNanos();
              starts.put(
                  partition, isRemembered ? reached : range.starts().getOrDefault(partition, end));
            });
    next.putAll(starts);
    return starts;
  }

  /** Where reading goes on. */
  synchronized Map<TopicPartition, Long> positions(Collection<TopicPartition> of) {
    Map<TopicPartition, Long> positions = new HashMap<>(next);
    positions.keySet().retainAll(of);
    return positions;
  }

  /** Notes from where the consumer reads on. */
  synchronized void advance(Map<TopicPartition, OffsetAndMetadata> reached) {
    reached.forEach(
        (partition, offset) -> next.computeIfPresent(partition, (_, _) -> offset.offset()));
  }

  /** Takes an input that was read in its user's partition. */
  synchronized void accept(ConsumerRecord<byte[], byte[]> record, Input read) {
    ReadInput input = of(record, read);
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
    // A command gets nothing before what waits for it, or has to be read again.
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

  /** A record's input as its command gets it. */
  static ReadInput of(ConsumerRecord<byte[], byte[]> record, Input input) {
    return new ReadInput(input, ForwardedFrom.isIn(record) ? ForwardedFrom.originOf(record) : null);
  }

  private void makeRoom() {
    Iterator<WaitingInputs> oldest = waiting.values().iterator();
    while (bytes > MAX_BYTES && oldest.hasNext()) {
      bytes -= oldest.next().leave();
    }
    if (bytes > MAX_BYTES) {
      // Anybody can make up commands, so those whose exec was read go last: a detour costs more.
      dropIf(inputs -> bytes > ROOMY && !expected.contains(inputs.key));
      dropIf(_ -> bytes > MAX_BYTES);
    }
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
   * An exec was read, so its inputs wait for as long as it takes. Those of a command that is known,
   * and whose exec is repeated, need not.
   */
  synchronized void expect(CommandKey key) {
    if (!work.knows(key.user(), key.execId())) {
      expected.add(key);
    }
  }

  /** It will not be known after all. */
  synchronized void expectNoMore(CommandKey key) {
    expected.remove(key);
  }

  /** A command is known from now on. */
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
   * have been dropped before, whatever waits for it.
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
   * inputs may have been read in an assignment before, or be older than the window. All behind the
   * first one that waits are here, so signals and sizes among them need not wait for the log.
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
   * A detour has read all below a position.
   *
   * @param position from where it would read on
   * @return whether the command gets its inputs from here again; if not, there are more behind
   */
  synchronized boolean takesBack(InputDetour detour, long position) {
    if (next.getOrDefault(detour.partition(), 0L) > position) {
      return false;
    }
    detour.endAt(position);
    return true;
  }

  /** A detour ended with its command, or with its command's input. */
  synchronized void ended(InputDetour detour) {
    detours.remove(detour.key(), detour);
  }

  /** Drops what waited for too long. */
  synchronized void tick() {
    long now = time.nanos();
    dropIf(each -> now - each.since > LONGEST_WAIT.toNanos() && !expected.contains(each.key));
    detours.values().removeIf(detour -> !detour.covers(next.getOrDefault(detour.partition(), 0L)));
  }

  /** What waits in these partitions is left in the log, in case that they come back. */
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

  /** How many bytes wait. */
  synchronized long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    detourMaker.close();
  }
}
