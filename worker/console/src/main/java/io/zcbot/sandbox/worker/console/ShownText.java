/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import io.zcbot.sandbox.worker.audit.result.ProgramText;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Untrusted texts, as the console keeps and shows them: short, and without invisible characters.
 */
final class ShownText {
  static final int NAME = 128;
  static final int MESSAGE = 300;

  /** Longer than any message that a worker writes. */
  static final int WHOLE_MESSAGE = 1_100;

  private static final Pattern UNSAFE =
      Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cn}\\p{Cs}\\p{Zl}\\p{Zp}]");

  private ShownText() {}

  static String name(@Nullable String text) {
    return of(text, NAME);
  }

  static String message(@Nullable String text) {
    return of(text, MESSAGE);
  }

  static String wholeMessage(@Nullable String text) {
    return of(text, WHOLE_MESSAGE);
  }

  private static String of(@Nullable String text, int longest) {
    return text == null ? "" : UNSAFE.matcher(ProgramText.cut(text, longest)).replaceAll("?");
  }
}
