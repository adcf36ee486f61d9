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
            "sandbox.exec",
            "sandbox.input",
            "sandbox.started",
            "sandbox.output",
            "sandbox.exited",
            "sandbox.release",
            "sandbox.expiring",
            "sandbox.live",
            "sandbox.commands",
            "sandbox.current");
    assertThat(Topic.history())
        .doesNotContain(Topic.LIVE, Topic.COMMANDS, Topic.CURRENT)
        .hasSize(Topic.values().length - 3);
    assertThat(Topic.READY.named("dev.")).isEqualTo("dev.ready");
  }

  @Test
  void theBrokersClockOrdersTheInputsAndTheTablesAreCompacted() {
    for (Topic topic : Topic.values()) {
      assertThat(topic.requiredSettings())
          .isEqualTo(
              switch (topic) {
                case ENSURE, ACTIVITY, EXEC, INPUT, RELEASE ->
                    Map.of("message.timestamp.type", "LogAppendTime");
                case LIVE, COMMANDS, CURRENT -> Map.of("cleanup.policy", "compact");
                case READY, REAPED, FAILED, DEAD_LETTER, STARTED, OUTPUT, EXITED, EXPIRING ->
                    Map.of();
              });
    }
    assertThat(Arrays.stream(Topic.values()).filter(Topic::isInput))
        .containsExactly(Topic.ENSURE, Topic.ACTIVITY, Topic.EXEC, Topic.INPUT, Topic.RELEASE);
  }

  @Test
  void recordsOfCommandsMayBeLongerAndAllFitIntoABrokersRecord() {
    assertThat(Arrays.stream(Topic.values()).filter(topic -> topic.maxBytes() > 65_536))
        .containsExactly(Topic.EXEC, Topic.INPUT, Topic.OUTPUT, Topic.EXITED)
        .allSatisfy(topic -> assertThat(topic.maxBytes()).isEqualTo(1_000_000));
  }

  @Test
  void whatWorkersReadIsStoredUncompressed() {
    for (Topic topic : Topic.values()) {
      assertThat(topic.recommendedSettings())
          .isEqualTo(
              topic.isInput() || topic.isTable()
                  ? Map.of("compression.type", "uncompressed")
                  : Map.of());
    }
  }
}
