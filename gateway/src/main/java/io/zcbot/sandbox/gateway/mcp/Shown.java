/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import java.nio.charset.StandardCharsets;

/** Output as a model is shown it: decoded, and bounded in bytes. */
final class Shown {
  private Shown() {}

  /** Decodes as UTF-8. Of more than so many bytes the beginning and the end are shown. */
  static String of(byte[] bytes, int most) {
    if (bytes.length <= most) {
      return new String(bytes, StandardCharsets.UTF_8);
    }
    int head = characterStart(bytes, most / 2);
    int tail = characterStart(bytes, bytes.length - most / 2);
    return new String(bytes, 0, head, StandardCharsets.UTF_8)
        + "\n[... "
        + (tail - head)
        + " bytes are not shown ...]\n"
        + new String(bytes, tail, bytes.length - tail, StandardCharsets.UTF_8);
  }

  /** Moves an index back to where a character of UTF-8 begins, by at most three bytes. */
  static int characterStart(byte[] bytes, int index) {
    int start = index;
    while (start > Math.max(0, index - 3)
        && start < bytes.length
        && (bytes[start] & 0xc0) == 0x80) {
      start--;
    }
    return start;
  }
}
