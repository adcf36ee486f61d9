/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.trace;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The trace and baggage headers of a record (W3C Trace Context and Baggage). Writers may put any
 * bytes into them, so invalid values count as absent. Of several headers with the same name, the
 * last one counts.
 *
 * @param state null without a parent
 */
record TraceHeaders(@Nullable String parent, @Nullable String state, @Nullable String baggage) {
  static final String PARENT = "traceparent";
  static final String STATE = "tracestate";
  static final String BAGGAGE = "baggage";

  static final TraceHeaders NONE = new TraceHeaders(null, null, null);

  private static final int PARENT_BYTES = 55;
  private static final int MOST_STATE_BYTES = 512;
  private static final int MOST_STATE_MEMBERS = 32;
  private static final int MOST_BAGGAGE_BYTES = 8192;

  /** Any version but the forbidden ff, in the form of version 00; no id is zero. */
  private static final Pattern VALID_PARENT =
      Pattern.compile("(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}");

  private static final Pattern VALID_MEMBER =
      Pattern.compile("[0-9a-z][0-9a-z_*/@-]{0,255}=[ -+\\--<>-~]{0,255}[!-+\\--<>-~]");

  /** Reads a record's headers. */
  static TraceHeaders of(Headers headers) {
    byte[] parent = null;
    byte[] state = null;
    byte[] baggage = null;
    for (Header header : headers) {
      switch (header.key()) {
        case PARENT -> parent = header.value();
        case STATE -> state = header.value();
        case BAGGAGE -> baggage = header.value();
        default -> {}
      }
    }
    if (parent == null && baggage == null) {
      return NONE;
    }
    String validParent = parentOf(parent);
    return new TraceHeaders(
        validParent,
        validParent == null ? null : stateOf(state),
        text(baggage, MOST_BAGGAGE_BYTES));
  }

  private static @Nullable String parentOf(byte @Nullable [] value) {
    String text = text(value, PARENT_BYTES);
    return text != null && VALID_PARENT.matcher(text).matches() ? text : null;
  }

  private static @Nullable String stateOf(byte @Nullable [] value) {
    String text = text(value, MOST_STATE_BYTES);
    if (text == null) {
      return null;
    }
    String[] members = text.split(",", -1);
    if (members.length > MOST_STATE_MEMBERS) {
      return null;
    }
    for (String member : members) {
      String stripped = member.strip();
      if (!stripped.isEmpty() && !VALID_MEMBER.matcher(stripped).matches()) {
        return null;
      }
    }
    return text;
  }

  /**
   * The value as text; null unless it is printable ASCII, as all valid values are, and not too
   * long.
   */
  private static @Nullable String text(byte @Nullable [] value, int most) {
    if (value == null || value.length == 0 || value.length > most) {
      return null;
    }
    for (byte each : value) {
      if ((each < ' ' && each != '\t') || each == 0x7f) {
        return null;
      }
    }
    return new String(value, StandardCharsets.US_ASCII);
  }

  /** The memory of the values, in bytes. */
  int bytes() {
    return length(parent) + length(state) + length(baggage);
  }

  private static int length(@Nullable String value) {
    return value == null ? 0 : value.length();
  }

  @Nullable String get(String name) {
    return switch (name) {
      case PARENT -> parent;
      case STATE -> state;
      case BAGGAGE -> baggage;
      default -> null;
    };
  }

  /** Adds the headers unchanged to a record. */
  void addTo(Headers headers) {
    add(headers, PARENT, parent);
    add(headers, STATE, state);
    add(headers, BAGGAGE, baggage);
  }

  static void add(Headers headers, String name, @Nullable String value) {
    if (value != null) {
      headers.add(name, value.getBytes(StandardCharsets.US_ASCII));
    }
  }
}
