/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.commands.CommandInput;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.ReadInput;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import io.zcbot.sandbox.worker.kafka.HeaderLimit;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.ToLongFunction;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a partition of inputs again for one command whose buffer was full, or whose earlier inputs
 * the follower did not keep. It reads as fast as the command takes the inputs, on a virtual thread.
 * While the command takes none, the detour has no consumer, so that other detours can read.
 */
final class InputDetour {
  static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);

  private static final Logger log = LoggerFactory.getLogger(InputDetour.class);

  private static final Duration POLL = Duration.ofMillis(200);

  /** The longest turn while other detours wait for theirs. */
  private static final Duration TURN = Duration.ofSeconds(1);

  /**
   * How long a detour keeps its consumer while the command has no room and no other detour waits.
   */
  private static final Duration PATIENCE = Duration.ofMillis(500);

  private static final Duration LOOK_AGAIN = Duration.ofSeconds(5);
  private static final Duration RETRY = Duration.ofSeconds(1);

  private final CommandInputs owner;
  private final CommandKey key;
  private final CommandInput to;
  private final byte[] recordKey;
  private final TopicPartition partition;
  private final ToLongFunction<Consumer<byte[], byte[]>> start;
  private final long signalsBefore;
  private final InputDetours shared;
  private final EventCodec codec = new EventCodec();
  private volatile long end = Long.MAX_VALUE;
  private boolean hasNewerSize; // guarded by this
  private @Nullable Long next; // confined to its thread

  /** Why a turn ended. */
  private enum End {
    /** Nothing is left to do. */
    DONE,
    /** The command takes no more for the time being. */
    FULL,
    /** Other detours wait, or a call failed. */
    OVER
  }

  /**
   * Creates a detour that does not run yet.
   *
   * @param start finds the offset to begin at
   * @param signalsBefore signals and sizes at this offset and behind are delivered by the follower
   */
  InputDetour(
      CommandInputs owner,
      CommandKey key,
      CommandInput to,
      TopicPartition partition,
      ToLongFunction<Consumer<byte[], byte[]>> start,
      long signalsBefore,
      InputDetours shared) {
    this.owner = owner;
    this.key = key;
    this.to = to;
    this.recordKey = key.user().toString().getBytes(US_ASCII);
    this.partition = partition;
    this.start = start;
    this.signalsBefore = signalsBefore;
    this.shared = shared;
  }

  CommandKey key() {
    return key;
  }

  TopicPartition partition() {
    return partition;
  }

  /** Whether this detour delivers the standard input at an offset. */
  boolean covers(long offset) {
    return offset < end;
  }

  /** From this offset on, the follower delivers the inputs. */
  void endAt(long offset) {
    end = offset;
  }

  /** Hands the command a signal or a size at once, although older inputs are still to be read. */
  synchronized void pass(ReadInput newer) {
    hasNewerSize |= isSize(newer);
    var _ = to.offer(newer);
  }

  /** Hands over an older signal or size. A size is dropped if the command has a newer one. */
  private synchronized void passOlder(ReadInput older) {
    if (!(hasNewerSize && isSize(older))) {
      var _ = to.offer(older);
    }
  }

  private static boolean isSize(ReadInput input) {
    return input.input().content() instanceof Input.Content.Resize;
  }

  /** Reads until the command or its input ends, or the follower takes over. */
  void run() {
    try {
      while (isWanted()) {
        switch (readInTurn()) {
          case DONE -> {
            return;
          }
          case FULL -> awaitRoom(LOOK_AGAIN);
          case OVER -> {}
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      log.error("input of a command could not be read again; please report this", e);
    } finally {
      if (end == Long.MAX_VALUE) {
        owner.ended(this);
      }
    }
  }

  /**
   * Whether the detour still has something to deliver. A command that has ended needs nothing,
   * though it would accept all. A command whose input has ended needs the detour only for older
   * signals.
   */
  private boolean isWanted() {
    Long reached = next;
    boolean mayFindSignals = reached == null || reached < signalsBefore;
    return mayFindSignals ? to.isOpen() : to.goesOn();
  }

  private End readInTurn() throws InterruptedException {
    try (ReadingTurns.Turn turn = shared.turns().begin(key.user())) {
      // Looks again: many short commands have ended by the time the turn comes.
      return isWanted() ? readIn(turn) : End.DONE;
    }
  }

  private End readIn(ReadingTurns.Turn turn) throws InterruptedException {
    try (Consumer<byte[], byte[]> consumer = shared.newConsumer()) {
      consumer.assign(List.of(partition));
      Long known = next;
      long from = known == null ? start.applyAsLong(consumer) : known;
      consumer.seek(partition, from);
      next = from;
      return read(consumer, turn);
    } catch (KafkaException e) {
      log.warn("input of a command could not be read again, will be tried: {}", e.getMessage());
      return shared.pause(RETRY) ? End.DONE : End.OVER;
    }
  }

  private End read(Consumer<byte[], byte[]> consumer, ReadingTurns.Turn turn)
      throws InterruptedException {
    long opened = shared.time().nanos();
    long began = opened;
    boolean isAnswered = false;
    while (isWanted()) {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
      if (!isAnswered && !records.isEmpty()) {
        // The turn counts from the first answer, which may take longer than a whole turn.
        isAnswered = true;
        began = shared.time().nanos();
      }
      for (ConsumerRecord<byte[], byte[]> record : records) {
        ReadInput input = own(record);
        if (input != null) {
          if (!isDelivered(input, record.offset(), turn)) {
            next = record.offset();
            return End.FULL;
          }
        }
        next = record.offset() + 1;
        if (isOver(turn, began, TURN)) {
          return End.OVER;
        }
      }
      if (HeaderLimit.isAnyCut(records)) {
        return End.OVER; // the consumer has closed
      }
      long position = consumer.position(partition, CALL_TIMEOUT);
      next = position;
      if (owner.takesBack(this, position)) {
        return End.DONE;
      }
      // Give up the turn if the broker does not answer.
      if (records.isEmpty() && isOver(turn, opened, CALL_TIMEOUT)) {
        return End.OVER;
      }
    }
    return End.DONE;
  }

  private boolean isOver(ReadingTurns.Turn turn, long began, Duration most) {
    return shared.time().nanos() - began > most.toNanos() && turn.isWaitedFor();
  }

  /** Decodes an input of this command; null if the record is anything else. */
  private @Nullable ReadInput own(ConsumerRecord<byte[], byte[]> record) {
    if (!Arrays.equals(record.key(), recordKey)) {
      return null;
    }
    try {
      Input input =
          codec.decodeInput(
              record.key(), record.value(), ForwardedFrom.originOf(record, Topic.INPUT));
      return CommandKey.of(input).equals(key) ? asRead(record, input) : null;
    } catch (EventFormatException _) {
      return null; // the follower wrote it to the dead-letter topic
    }
  }

  /** Pairs an input with the position from which its record was forwarded, if it was. */
  static ReadInput asRead(ConsumerRecord<byte[], byte[]> record, Input input) {
    return new ReadInput(
        input, ForwardedFrom.isIn(record) ? ForwardedFrom.originOf(record, Topic.INPUT) : null);
  }

  private boolean isDelivered(ReadInput input, long offset, ReadingTurns.Turn turn)
      throws InterruptedException {
    if (!input.isOfStream()) {
      if (offset < signalsBefore) {
        passOlder(input);
      }
      return true;
    }
    boolean isTaken = to.offer(input);
    long began = shared.time().nanos();
    while (!isTaken && !turn.isWaitedFor() && shared.time().nanos() - began < PATIENCE.toNanos()) {
      awaitRoom(PATIENCE);
      isTaken = to.offer(input);
    }
    return isTaken;
  }

  private void awaitRoom(Duration limit) throws InterruptedException {
    try {
      to.room().get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      // The caller looks again.
    } catch (ExecutionException e) {
      throw new IllegalStateException("a command's room could not be waited for", e);
    }
  }
}
