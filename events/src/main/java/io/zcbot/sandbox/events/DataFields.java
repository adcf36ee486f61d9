/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * Bytes in JSON: a string where they are UTF-8 and that is not longer, otherwise base64 in a field
 * with another name.
 */
final class DataFields {
  private static final String BASE64 = "_base64";

  private DataFields() {}

  static void write(FieldWriter out, String field, @Nullable Data data) {
    if (data == null) {
      return;
    }
    byte[] bytes = data.array();
    String text = isShortAsText(bytes) ? data.text() : null;
    if (text != null) {
      out.text(field, text);
    } else {
      out.bytes(field + BASE64, bytes);
    }
  }

  /** The bytes of either field; null if there is none. */
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
    } catch (IllegalArgumentException _) {
      throw in.refusal(
          field + BASE64, "is not base64; use the alphabet with + and /, without line breaks");
    }
  }

  /** Whether a JSON string takes no more bytes than base64 would. */
  private static boolean isShortAsText(byte[] bytes) {
    int left = (bytes.length + 2) / 3 * 4 - bytes.length;
    for (byte b : bytes) {
      left -= escape(b);
      if (left < 0) {
        return false;
      }
    }
    return true;
  }

  /** How many bytes more than one the byte takes in a JSON string. */
  private static int escape(byte b) {
    return switch (b) {
      case '"', '\\', '\b', '\f', '\n', '\r', '\t' -> 1;
      default -> b >= 0 && b < ' ' ? 5 : 0;
    };
  }
}
