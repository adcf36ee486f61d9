/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import org.jspecify.annotations.Nullable;

/** The memory that texts of untrusted events take. */
public final class TextMemory {
  /** Counted for a text besides its characters, in bytes. */
  private static final int OVERHEAD = 64;

  private static final int LAST_OF_LATIN = 0xff;

  private TextMemory() {}

  /** The memory of texts, in bytes; null takes none. */
  public static int of(@Nullable String... texts) {
    int bytes = 0;
    for (String text : texts) {
      if (text != null) {
        bytes += OVERHEAD + text.length() * bytesOfACharacter(text);
      }
    }
    return bytes;
  }

  /** As in the JDK, one character outside Latin-1 makes all characters two bytes long. */
  private static int bytesOfACharacter(String text) {
    for (int i = 0; i < text.length(); i++) { // no stream: this is done for every record
      if (text.charAt(i) > LAST_OF_LATIN) {
        return Character.BYTES;
      }
    }
    return 1;
  }
}
