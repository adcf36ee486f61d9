/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Makes untrusted bytes safe for a terminal: printable ASCII stays, everything else becomes {@code
 * \xNN}.
 */
final class EscapedBytes {
  private EscapedBytes() {}

  /**
   * Escapes bytes; if there are more than wanted, says how many are left out.
   *
   * @param most maximum number of bytes to show
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

  /** Escapes untrusted text. */
  static String of(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8), Integer.MAX_VALUE);
  }
}
