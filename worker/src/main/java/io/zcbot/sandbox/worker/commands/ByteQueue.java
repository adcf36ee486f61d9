/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Data;

/** Bytes that are added behind and taken in front. Whoever owns it bounds it. */
final class ByteQueue {
  private static final byte[] NONE = new byte[0];

  private byte[] bytes = NONE;
  private int from;
  private int length;

  int length() {
    return length;
  }

  /** Adds the first bytes of some data. */
  void add(Data data, int count) {
    int needed = length + count;
    if (from + needed > bytes.length) {
      // Moving is worth it only if it makes as much room as it moves.
      byte[] target =
          needed <= bytes.length && from >= length ? bytes : new byte[Math.max(needed, 2 * length)];
      System.arraycopy(bytes, from, target, 0, length);
      bytes = target;
      from = 0;
    }
    data.toByteBuffer().get(bytes, from + length, count);
    length = needed;
  }

  /** Takes so many bytes, or all there are. */
  Data take(int most) {
    int count = Math.min(most, length);
    Data taken = Data.of(bytes, from, count);
    from += count;
    length -= count;
    if (length == 0) {
      bytes = NONE;
      from = 0;
    }
    return taken;
  }
}
