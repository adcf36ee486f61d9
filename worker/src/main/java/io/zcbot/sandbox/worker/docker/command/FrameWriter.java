/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import java.nio.ByteBuffer;
import java.security.SecureRandom;

/** What is said to a runner, in frames as {@link FrameReader} describes them. */
final class FrameWriter {
  /** No frame for a runner has more. */
  static final int MAX_PAYLOAD = 16 << 10;

  private static final SecureRandom RANDOM = new SecureRandom();

  private FrameWriter() {}

  static byte[] nonce() {
    byte[] nonce = new byte[FrameReader.NONCE];
    RANDOM.nextBytes(nonce);
    return nonce;
  }

  /** Ends the frame within which whoever was attached before may have died, and resets. */
  static byte[] opening(byte[] nonce) {
    byte[] reset = frame('R', 0, nonce);
    byte[] opening = new byte[MAX_PAYLOAD + FrameReader.HEADER + reset.length];
    System.arraycopy(reset, 0, opening, opening.length - reset.length, reset.length);
    return opening;
  }

  /**
   * All of a start.
   *
   * @param readsNothing says in the same breath that the input ends: each write wakes the engine
   *     and the runner up
   */
  static byte[] start(int command, byte[] message, boolean readsNothing) {
    byte[] start = concat(pieces('S', command, ByteBuffer.wrap(message)), frame('G', command));
    return readsNothing ? concat(start, endOfInput(command)) : start;
  }

  /** Standard input, in as many frames as it takes. */
  static byte[] input(int command, ByteBuffer data) {
    return pieces('I', command, data);
  }

  static byte[] endOfInput(int command) {
    return frame('E', command);
  }

  static byte[] signal(int command, int signal) {
    return frame('K', command, (byte) signal);
  }

  static byte[] resize(int command, int columns, int rows) {
    return frame(
        'W', command, (byte) (columns >> 8), (byte) columns, (byte) (rows >> 8), (byte) rows);
  }

  static byte[] allow(int command, int bytes) {
    return frame('C', command, ByteBuffer.allocate(4).putInt(bytes).array());
  }

  static byte[] discard(int command) {
    return frame('D', command);
  }

  static byte[] kill(int command) {
    return frame('T', command);
  }

  private static byte[] pieces(char type, int command, ByteBuffer data) {
    int frames = (data.remaining() + MAX_PAYLOAD - 1) / MAX_PAYLOAD;
    ByteBuffer all = ByteBuffer.allocate(data.remaining() + frames * FrameReader.HEADER);
    while (data.hasRemaining()) {
      int length = Math.min(data.remaining(), MAX_PAYLOAD);
      header(all, type, length, command);
      all.put(data.slice().limit(length));
      data.position(data.position() + length);
    }
    return all.array();
  }

  private static byte[] frame(char type, int command, byte... payload) {
    ByteBuffer frame = ByteBuffer.allocate(FrameReader.HEADER + payload.length);
    header(frame, type, payload.length, command);
    return frame.put(payload).array();
  }

  private static void header(ByteBuffer into, char type, int length, int command) {
    into.putInt(type << 24 | length).putInt(command);
  }

  private static byte[] concat(byte[] first, byte[] second) {
    return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
  }
}
