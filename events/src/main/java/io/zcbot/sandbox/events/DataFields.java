/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Arrays;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes bytes as JSON: as a string if they are UTF-8 and base64 is not shorter,
 * otherwise as base64 in a field whose name ends in {@code _base64}.
 */
final class DataFields {
  private static final String BASE64 = "_base64";

  /** Bytes between two checks whether the string is already longer than base64. */
  private static final int BLOCK = 1024;

  /** For each byte, how many additional bytes its escape takes in a JSON string. */
  private static final byte[] ESCAPES = escapes();

  private DataFields() {}

  static void write(FieldWriter out, String field, @Nullable Data data) {
    if (data == null) {
      return;
    }
    byte[] bytes = data.array();
    if (isShortText(bytes)) {
      out.utf8(field, bytes);
    } else {
      out.bytes(field + BASE64, bytes);
    }
  }

  /** Reads the bytes from either of the two fields; null if there is none. */
  static @Nullable Data read(Fields in, String field) throws EventFormatException {
    String text = in.optionalLiteral(field);
    String base64 = in.optionalLiteral(field + BASE64);
    if (text != null && base64 != null) {
      throw in.refusal(field + BASE64, "is given together with " + field + "; send one of the two");
    }
    if (base64 == null) {
      return text == null ? null : Data.of(text);
    }
    try {
      return Data.of(Base64.getDecoder().decode(base64));
    } catch (IllegalArgumentException e) {
      throw in.refusal(
          field + BASE64, "is not base64; use the alphabet with + and /, without line breaks");
    }
  }

  /** Whether the bytes are UTF-8 and take no more bytes as a JSON string than as base64. */
  private static boolean isShortText(byte[] bytes) {
    int left = (bytes.length + 2) / 3 * 4 - bytes.length;
    int all = 0;
    for (int from = 0; from < bytes.length; from += BLOCK) {
      int to = Math.min(bytes.length, from + BLOCK);
      int escapes = 0;
      for (int i = from; i < to; i++) {
        all |= bytes[i];
        escapes += ESCAPES[bytes[i] & 0xff];
      }
      left -= escapes;
      if (left < 0) {
        return false;
      }
    }
    boolean isAscii = all >= 0;
    return isAscii || Utf8.decode(bytes) != null;
  }

  private static byte[] escapes() {
    byte[] escapes = new byte[256];
    Arrays.fill(escapes, 0, ' ', (byte) 5);
    for (char c : "\"\\\b\f\n\r\t".toCharArray()) {
      escapes[c] = 1;
    }
    return escapes;
  }
}
