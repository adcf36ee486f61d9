/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Base class for tests of a codec and of what it refuses. */
abstract class CodecCase {
  static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";
  static final Instant APPENDED = Instant.parse("2026-11-24T12:00:00Z");
  static final Origin ORIGIN = new Origin("sandbox.ensure", 3, 17, APPENDED);
  final EventCodec codec = new EventCodec();

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  String refusal(Topic topic, byte @Nullable [] key, byte @Nullable [] value) {
    EventFormatException e =
        catchThrowableOfType(
            EventFormatException.class, () -> codec.decode(topic, key, value, ORIGIN));
    assertThat(e).as("refusal").isNotNull();
    assertThat(e.getMessage()).startsWith(e.field() + ": ");
    return e.getMessage();
  }

  String refusal(String json) {
    return refusal(Topic.ENSURE, bytes(USER), bytes(json));
  }

  String refusal(Topic topic, String json) {
    return refusal(topic, bytes(USER), bytes(json));
  }
}
