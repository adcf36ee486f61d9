/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import java.nio.ByteBuffer;
import java.security.SecureRandom;

/** Encodes the frames that are sent to a runner; {@link FrameReader} describes their form. */
final class FrameWriter {
  /** Maximum payload of a frame that is sent to a runner; longer data is split. */
  static final int MAX_PAYLOAD = 16 << 10;

  private static final SecureRandom RANDOM = new SecureRandom();

  private FrameWriter() {}

  static byte[] nonce() {
    byte[] nonce = new byte[FrameReader.NONCE];
    RANDOM.nextBytes(nonce);
    return nonce;
  }

  /**
   * The first bytes on a new connection: zeros that complete a frame in the midst of which the
   * previous connection may have broken, then a reset with a nonce.
   */
  static byte[] opening(byte[] nonce) {
    byte[] reset = frame('R', 0, nonce);
    byte[] opening = new byte[MAX_PAYLOAD + FrameReader.HEADER + reset.length];
    System.arraycopy(reset, 0, opening, opening.length - reset.length, reset.length);
    return opening;
  }

  /**
   * The frames that start a command.
   *
   * @param readsNothing whether the end of the input is sent with them; a write of its own would
   *     wake the engine and the runner once more
   */
  static byte[] start(int command, byte[] message, boolean readsNothing) {
    byte[] start = concat(pieces('S', command, ByteBuffer.wrap(message)), frame('G', command));
    return readsNothing ? concat(start, endOfInput(command)) : start;
  }

  /** Standard input, split into as many frames as needed. */
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
