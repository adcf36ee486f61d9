/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.ReadInput;
import io.zcbot.sandbox.worker.sandbox.TextMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * Inputs of one command that is not known yet. If there is no room for them, they are left in the
 * log, and only the first one's offset is kept.
 */
final class WaitingInputs {
  /** Counted for a command besides its name and its inputs. */
  private static final int OVERHEAD = 512;

  final CommandKey key;
  final TopicPartition partition;
  final long first;
  final long since;
  private final int overhead;
  private List<Held> held = new ArrayList<>();
  private int count;
  private boolean left;
  private long bytes;

  /** An input that was read. */
  record Held(ReadInput input, long offset) {}

  /**
   * None yet.
   *
   * @param key of the command, which anybody may have made up
   * @param first the offset of the first one
   * @param since when it was read, on the monotonic clock
   */
  WaitingInputs(CommandKey key, TopicPartition partition, long first, long since) {
    this.key = key;
    this.partition = partition;
    this.first = first;
    this.since = since;
    this.overhead = OVERHEAD + TextMemory.of(key.execId());
    this.bytes = overhead;
  }

  /** Returns how many more bytes they take. */
  long add(ReadInput input, long offset, long size) {
    count++;
    if (left) {
      return 0;
    }
    held.add(new Held(input, offset));
    bytes += size;
    return size;
  }

  /** Leaves them in the log; returns how many bytes less they take. */
  long leave() {
    long freed = bytes - overhead;
    left = true;
    held = List.of();
    bytes = overhead;
    return freed;
  }

  /** Whether they have to be read again. */
  boolean areLeft() {
    return left;
  }

  /** None if they are left. */
  List<Held> held() {
    return held;
  }

  /** Of those that are held. */
  Stream<ReadInput> signalsAndSizes() {
    return held.stream().map(Held::input).filter(input -> !input.isOfStream());
  }

  /** How many there are, held or left. */
  int count() {
    return count;
  }

  /** What they take in memory. */
  long bytes() {
    return bytes;
  }
}
