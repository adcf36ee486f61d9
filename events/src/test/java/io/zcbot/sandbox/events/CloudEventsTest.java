/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class CloudEventsTest {
  @Test
  void theAttributesAreHeaders() {
    UserId user = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
    Activity activity = new Activity("a-1", user, Instant.parse("2026-11-24T12:00:00Z"), null);
    assertThat(CloudEvents.headers(activity, "/zcbot/sandbox/worker-1"))
        .containsExactly(
            java.util.Map.entry("ce_specversion", "1.0"),
            java.util.Map.entry("ce_id", "a-1"),
            java.util.Map.entry("ce_type", "io.zcbot.sandbox.activity"),
            java.util.Map.entry("ce_source", "/zcbot/sandbox/worker-1"),
            java.util.Map.entry("ce_time", "2026-11-24T12:00:00Z"),
            java.util.Map.entry("ce_subject", user.toString()),
            java.util.Map.entry("content-type", "application/json"));
  }
}
