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

/** JSON with text of others, which may be hostile, for programs and for a terminal. */
final class JsonText {
  /** What JSON may hold as it is, and a terminal acts on. */
  private static final Pattern ACTING =
      Pattern.compile("[\\x{7f}-\\x{9f}\\p{Cf}\\x{2028}\\x{2029}]");

  private static final EventCodec CODEC = new EventCodec();

  private JsonText() {}

  /** An event on one line. */
  static String of(SandboxEvent event) {
    return plain(new String(CODEC.encode(event), StandardCharsets.UTF_8));
  }

  /** The same JSON, in which a terminal finds nothing to act on. */
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
