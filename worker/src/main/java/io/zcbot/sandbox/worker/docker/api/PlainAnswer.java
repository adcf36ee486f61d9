/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What an engine answers in HTTP/1.0: it comes in one piece and ends with the connection. */
final class PlainAnswer {
  private static final int MOST_HEAD = 16 << 10;
  private static final byte[] BLANK_LINE = "\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
  private static final Pattern STATUS = Pattern.compile("http/1\\.[01] ([1-9][0-9]{2}) ");
  private static final Pattern LENGTH = Pattern.compile("\r\ncontent-length: *([0-9]{1,9})\r\n");

  private final int status;
  private final byte[] body;

  private PlainAnswer(int status, byte[] body) {
    this.status = status;
    this.body = body;
  }

  /**
   * Reads one.
   *
   * @param length how many of the bytes are the answer
   * @throws IOException if it is in any other form, or not whole
   */
  static PlainAnswer of(byte[] bytes, int length) throws IOException {
    int end = endOfHead(bytes, Math.min(length, MOST_HEAD));
    int start = end + BLANK_LINE.length;
    String head =
        new String(bytes, 0, end + 2, StandardCharsets.ISO_8859_1).toLowerCase(Locale.ROOT);
    Matcher status = STATUS.matcher(head);
    Matcher told = LENGTH.matcher(head);
    if (!status.lookingAt()
        || head.contains("\r\ntransfer-encoding:")
        || (told.find() && Integer.parseInt(told.group(1)) != length - start)) {
      throw new IOException("the engine's answer is no plain one, or not whole");
    }
    return new PlainAnswer(
        Integer.parseInt(status.group(1)), Arrays.copyOfRange(bytes, start, length));
  }

  private static int endOfHead(byte[] bytes, int most) throws IOException {
    for (int at = 0; at <= most - BLANK_LINE.length; at++) {
      if (bytes[at] == '\r'
          && Arrays.equals(bytes, at, at + BLANK_LINE.length, BLANK_LINE, 0, BLANK_LINE.length)) {
        return at;
      }
    }
    throw new IOException("the engine's answer has no head, or no end");
  }

  int status() {
    return status;
  }

  /** Whoever asked for it may keep it. */
  byte[] body() {
    return body;
  }
}
