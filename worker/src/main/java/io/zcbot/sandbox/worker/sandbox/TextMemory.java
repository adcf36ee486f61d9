/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.Nullable;

/** The memory that texts take which somebody else wrote, and made as long as is allowed. */
public final class TextMemory {
  /** Of a text, besides its characters. */
  private static final int OVERHEAD = 64;

  private static final int LAST_OF_LATIN = 0xff;

  private TextMemory() {}

  /** What texts take, in bytes. One that is absent takes nothing. */
  public static int of(@Nullable String... texts) {
    int bytes = 0;
    for (String text : texts) {
      if (text != null) {
        bytes += OVERHEAD + text.length() * bytesOfACharacter(text);
      }
    }
    return bytes;
  }

  /** As the JDK has it: one character that is not Latin makes all others longer. */
  private static int bytesOfACharacter(String text) {
    return text.chars().allMatch(each -> each <= LAST_OF_LATIN) ? 1 : Character.BYTES;
  }
}
