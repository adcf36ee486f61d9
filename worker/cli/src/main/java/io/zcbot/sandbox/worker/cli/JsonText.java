/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import java.nio.charset.StandardCharsets;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Formats JSON that contains untrusted text, for programs and safe for a terminal. */
final class JsonText {
  /** Characters that JSON allows unescaped and a terminal acts on. */
  private static final Pattern ACTING =
      Pattern.compile("[\\x{7f}-\\x{9f}\\p{Cf}\\x{2028}\\x{2029}]");

  private static final EventCodec CODEC = new EventCodec();

  private JsonText() {}

  /** Formats an event on one line. */
  static String of(SandboxEvent event) {
    return plain(new String(CODEC.encode(event), StandardCharsets.UTF_8));
  }

  /** Escapes everything in a JSON text that a terminal would act on; the meaning stays the same. */
  static String plain(String json) {
    return ACTING.matcher(json).replaceAll(JsonText::escaped);
  }

  private static String escaped(MatchResult character) {
    StringBuilder escape = new StringBuilder();
    for (char c : character.group().toCharArray()) {
      escape.append(String.format("\\\\u%04x", (int) c));
    }
    return escape.toString();
  }
}
