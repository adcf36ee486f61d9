/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TopicTest {
  @Test
  void names() {
    assertThat(Arrays.stream(Topic.values()).map(t -> t.named(Topic.DEFAULT_PREFIX)))
        .containsExactly(
            "sandbox.ensure",
            "sandbox.activity",
            "sandbox.ready",
            "sandbox.reaped",
            "sandbox.failed",
            "sandbox.dead-letter",
            "sandbox.live");
    assertThat(Topic.history()).doesNotContain(Topic.LIVE).hasSize(Topic.values().length - 1);
    assertThat(Topic.READY.named("dev.")).isEqualTo("dev.ready");
  }

  @Test
  void theBrokersClockOrdersTheInputsAndTheLiveTableIsCompacted() {
    for (Topic topic : Topic.values()) {
      assertThat(topic.requiredSettings())
          .isEqualTo(
              switch (topic) {
                case ENSURE, ACTIVITY -> Map.of("message.timestamp.type", "LogAppendTime");
                case LIVE -> Map.of("cleanup.policy", "compact");
                case READY, REAPED, FAILED, DEAD_LETTER -> Map.of();
              });
    }
    assertThat(Arrays.stream(Topic.values()).filter(Topic::isInput))
        .containsExactly(Topic.ENSURE, Topic.ACTIVITY);
  }

  @Test
  void whatWorkersReadIsStoredUncompressed() {
    for (Topic topic : Topic.values()) {
      assertThat(topic.recommendedSettings())
          .isEqualTo(
              topic.isInput() || topic == Topic.LIVE
                  ? Map.of("compression.type", "uncompressed")
                  : Map.of());
    }
  }
}
