/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The bytes that a runner sends, whether correct or not. */
public final class RunnerBytes {
  private RunnerBytes() {}

  public static byte[] frame(char type, int command, byte... payload) {
    return frame(type, payload.length, command, payload);
  }

  /** A frame whose length may be wrong. */
  public static byte[] frame(char type, int length, int command, byte... payload) {
    return ByteBuffer.allocate(8 + payload.length)
        .putInt(type << 24 | length)
        .putInt(command)
        .put(payload)
        .array();
  }

  public static byte[] hello(byte[] nonce) {
    return hello(nonce, 1);
  }

  public static byte[] hello(byte[] nonce, int version) {
    return hello(nonce, version, "runner 1");
  }

  public static byte[] hello(byte[] nonce, int version, String text) {
    return frame('H', 0, concat(nonce, new byte[] {(byte) version}, text(text)));
  }

  public static byte[] started(int command) {
    return frame('P', command);
  }

  public static byte[] out(int command, String text) {
    return frame('O', command, text(text));
  }

  public static byte[] wants(int command, int bytes) {
    return frame('C', command, number(bytes));
  }

  public static byte[] ended(int command, int how, int code, int survivors, long micros) {
    return frame(
        'X',
        command,
        ByteBuffer.allocate(17)
            .put((byte) how)
            .putInt(code)
            .putInt(survivors)
            .putLong(micros)
            .array());
  }

  /** An end as of a runner that was asked whether memory was used up. */
  public static byte[] endedWithMemory(int command, int how, int code, long memory) {
    byte[] end = ended(command, how, code, 0, 0);
    return frame(
        'X',
        command,
        ByteBuffer.allocate(25).put(end, end.length - 17, 17).putLong(memory).array());
  }

  public static byte[] notStarted(int command, int errno, String why) {
    return frame('F', command, concat(number(errno), text(why)));
  }

  public static byte[] number(int number) {
    return ByteBuffer.allocate(4).putInt(number).array();
  }

  public static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Bytes as the engine passes them on; stream 1 is standard output, 2 standard error. */
  public static byte[] engine(int stream, byte[] bytes) {
    return ByteBuffer.allocate(8 + bytes.length)
        .put((byte) stream)
        .put(new byte[3])
        .putInt(bytes.length)
        .put(bytes)
        .array();
  }

  public static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
