/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The frames that a connector and the gateway exchange; {@code connector.py} says what they are.
 */
final class Frames {
  static final int OPEN = 1;
  static final int DATA = 2;
  static final int END = 3;
  static final int RESET = 4;
  static final int WINDOW = 5;
  static final int MOVE = 6;
  static final int PING = 7;
  static final int HELLO = 8;
  static final int MOVED = 9;

  /** Why there was a {@link #RESET}: nothing listens there. */
  static final int NOT_OPEN = 1;

  /** How many bytes of a new connection the sandbox may send. */
  static final int ROOM_FROM_SANDBOX = 64 * 1024;

  /** How many bytes of a connection the gateway may send. */
  static final int ROOM_TO_SANDBOX = 256 * 1024;

  /** The most bytes of data in a frame. */
  static final int PIECE = 64 * 1024;

  private static final int HEADER = 9;

  private Frames() {}

  /** Returns a frame without data. */
  static byte[] of(int kind, int connection, int value) {
    return ByteBuffer.allocate(HEADER).put((byte) kind).putInt(connection).putInt(value).array();
  }

  /** Returns a frame with data. */
  static byte[] data(int connection, byte[] bytes, int from, int length) {
    return ByteBuffer.allocate(HEADER + length)
        .put((byte) DATA)
        .putInt(connection)
        .putInt(length)
        .put(bytes, from, length)
        .array();
  }

  /** Receives frames. */
  interface Handler {
    /**
     * Takes a frame.
     *
     * @throws IllegalArgumentException if there is no such frame
     */
    void frame(int kind, int connection, int value, byte[] data);
  }

  /** Takes bytes as they come, and passes the frames on that are whole. */
  static final class Reader {
    private static final byte[] NOTHING = new byte[0];

    private final ByteBuffer header = ByteBuffer.allocate(HEADER);
    private byte @Nullable [] data;
    private int filled;

    /**
     * Takes bytes.
     *
     * @throws IllegalArgumentException if they are not frames
     */
    void take(byte[] bytes, Handler handler) {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      while (in.hasRemaining()) {
        while (header.hasRemaining() && in.hasRemaining()) {
          header.put(in.get());
        }
        if (header.hasRemaining()) {
          return;
        }
        if (data == null) {
          data = header.get(0) == DATA ? new byte[length(header.getInt(5))] : NOTHING;
          filled = 0;
        }
        int count = Math.min(in.remaining(), data.length - filled);
        in.get(data, filled, count);
        filled += count;
        if (filled == data.length) {
          byte[] whole = data;
          data = null;
          header.rewind();
          handler.frame(header.get(0), header.getInt(1), header.getInt(5), whole);
        }
      }
    }

    private static int length(int value) {
      if (value < 1 || value > PIECE) {
        throw new IllegalArgumentException("a frame of " + value + " bytes");
      }
      return value;
    }
  }
}
