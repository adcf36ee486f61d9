/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Bytes of others for a terminal: printable ASCII as it is, everything else as {@code \xNN}. */
final class EscapedBytes {
  private EscapedBytes() {}

  /**
   * All bytes, or as many as are wanted and how many are left out.
   *
   * @param most how many bytes are shown
   */
  static String of(byte @Nullable [] bytes, int most) {
    if (bytes == null) {
      return "(none)";
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(bytes.length, most); i++) {
      int value = bytes[i] & 0xff;
      if (value == '\\') {
        text.append("\\\\");
      } else if (value >= 0x20 && value < 0x7f) {
        text.append((char) value);
      } else {
        text.append(String.format("\\x%02x", value));
      }
    }
    if (bytes.length > most) {
      text.append(" … and ").append(bytes.length - most).append(" bytes more");
    }
    return text.toString();
  }

  /** Text of others. */
  static String of(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8), Integer.MAX_VALUE);
  }
}
