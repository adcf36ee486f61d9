/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.terminal;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Makes untrusted output safe for a terminal. UTF-8 text passes unchanged, with its line feeds,
 * carriage returns and tabs. All that a terminal would act on becomes visible: other control
 * characters, characters that change the direction of text, and bytes that are not UTF-8. Each
 * write is passed on at once, except for bytes of an incomplete character. Not thread-safe.
 */
public final class VisibleOutput extends FilterOutputStream {
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);

  /** The first bytes of an incomplete character. */
  private byte[] begun = {};

  public VisibleOutput(OutputStream terminal) {
    super(terminal);
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int from, int length) throws IOException {
    ByteBuffer input = ByteBuffer.allocate(begun.length + length);
    input.put(begun).put(bytes, from, length).flip();
    write(input, false);
    begun = new byte[input.remaining()];
    input.get(begun);
  }

  /** Writes the bytes of an incomplete character, visibly. Does not close the stream. */
  public void end() throws IOException {
    write(ByteBuffer.wrap(begun), true);
    begun = new byte[0];
  }

  private void write(ByteBuffer input, boolean isEnd) throws IOException {
    CharBuffer characters = CharBuffer.allocate(input.remaining());
    StringBuilder text = new StringBuilder(input.remaining());
    CoderResult result;
    do {
      result = decoder.decode(input, characters, isEnd);
      characters.flip();
      characters.codePoints().forEach(point -> append(point, text));
      characters.clear();
      for (int i = 0; result.isError() && i < result.length(); i++) {
        text.append(String.format("\\x%02x", input.get() & 0xff));
      }
    } while (result.isError());
    decoder.reset();
    out.write(text.toString().getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  private static void append(int point, StringBuilder text) {
    if (point == '\n' || point == '\r' || point == '\t') {
      text.append((char) point);
    } else if (Character.isISOControl(point)) {
      text.append(String.format("\\x%02x", point));
    } else if (turnsDirection(point)) {
      text.append(String.format("\\u%04x", point));
    } else {
      text.appendCodePoint(point);
    }
  }

  /**
   * Whether a character is one of Unicode's bidirectional embeddings, overrides, isolates and
   * marks.
   */
  private static boolean turnsDirection(int point) {
    return (point >= 0x202a && point <= 0x202e)
        || (point >= 0x2066 && point <= 0x2069)
        || point == 0x200e
        || point == 0x200f
        || point == 0x061c;
  }
}
