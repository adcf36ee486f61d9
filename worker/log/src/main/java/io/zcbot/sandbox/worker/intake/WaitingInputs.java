/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.TextMemory;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.ReadInput;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.common.TopicPartition;

/**
 * Inputs of one command that is not known yet. If there is no room for them, they are dropped from
 * memory but left in the log, and only the offset of the first is kept. Guarded by the lock of
 * {@link CommandInputs}.
 */
final class WaitingInputs {
  /** Bytes counted for a command besides its exec id and its inputs. */
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
   * Starts without inputs.
   *
   * @param key of the command, which anybody may have made up
   * @param first the offset of the first input
   * @param since when that was read, on the monotonic clock
   */
  WaitingInputs(CommandKey key, TopicPartition partition, long first, long since) {
    this.key = key;
    this.partition = partition;
    this.first = first;
    this.since = since;
    this.overhead = OVERHEAD + TextMemory.of(key.execId());
    this.bytes = overhead;
  }

  /** Adds an input; returns by how many bytes the size grew. */
  long add(ReadInput input, long offset, long size) {
    count++;
    if (left) {
      return 0;
    }
    held.add(new Held(input, offset));
    bytes += size;
    return size;
  }

  /**
   * Drops the inputs from memory, to be read from the log again; returns the bytes that this frees.
   */
  long leave() {
    long freed = bytes - overhead;
    left = true;
    held = List.of();
    bytes = overhead;
    return freed;
  }

  /** Whether the inputs have to be read from the log again. */
  boolean areLeft() {
    return left;
  }

  /** The inputs in memory; empty if they were left in the log. */
  List<Held> held() {
    return held;
  }

  /** The signals and sizes among the inputs in memory. */
  Stream<ReadInput> signalsAndSizes() {
    return held.stream().map(Held::input).filter(input -> !input.isOfStream());
  }

  /** The number of inputs, in memory or left in the log. */
  int count() {
    return count;
  }

  /** The memory that they take, in bytes. */
  long bytes() {
    return bytes;
  }
}
