/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Data;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;

/**
 * A queue of bytes. Large pieces are kept as they are, small ones are copied into shared blocks, so
 * that the queue takes little more memory than its bytes. The owner bounds its length and guards it
 * by a lock.
 */
final class ByteQueue {
  private static final int BLOCK = 8 * 1024;
  private static final int LEAST = 64;

  private final ArrayDeque<ByteBuffer> blocks = new ArrayDeque<>();
  private int length;
  private int memory;

  int length() {
    return length;
  }

  /** The memory that the queue takes, in bytes: a block is kept until all of it is taken. */
  int memory() {
    return memory;
  }

  /** Appends the first {@code count} bytes of some data. */
  void add(Data data, int count) {
    ByteBuffer added = data.toByteBuffer().limit(count);
    if (count >= BLOCK) {
      trim();
      append(added);
    } else if (count > 0) {
      fill(added);
      if (added.hasRemaining()) {
        int size = Math.max(added.remaining(), Math.clamp(length / 8, LEAST, BLOCK));
        append(ByteBuffer.allocate(size).limit(0));
        fill(added);
      }
    }
    length += count;
  }

  private void append(ByteBuffer block) {
    blocks.add(block);
    memory += block.capacity();
  }

  /** Replaces a last block that is not full, since nothing will fill it any more. */
  private void trim() {
    ByteBuffer last = blocks.peekLast();
    if (last != null && last.limit() < last.capacity()) {
      blocks.removeLast();
      memory -= last.capacity();
      append(ByteBuffer.allocate(last.remaining()).put(last).flip());
    }
  }

  /** Copies what fits into the last block, unless that block is the caller's data (read-only). */
  private void fill(ByteBuffer added) {
    ByteBuffer last = blocks.peekLast();
    if (last == null || last.isReadOnly()) {
      return;
    }
    int end = last.limit();
    int count = Math.min(added.remaining(), last.capacity() - end);
    last.limit(end + count).put(end, added, added.position(), count);
    added.position(added.position() + count);
  }

  /** Removes and returns at most {@code most} bytes. */
  Data take(int most) {
    byte[] taken = new byte[Math.min(most, length)];
    int at = 0;
    while (at < taken.length) {
      ByteBuffer first = blocks.getFirst();
      int count = Math.min(first.remaining(), taken.length - at);
      first.get(taken, at, count);
      at += count;
      if (!first.hasRemaining()) {
        blocks.removeFirst();
        memory -= first.capacity();
      }
    }
    length -= taken.length;
    return Data.of(taken);
  }

  void clear() {
    blocks.clear();
    length = 0;
    memory = 0;
  }
}
