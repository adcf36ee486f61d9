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
            "sandbox.dead-letter");
    assertThat(Topic.READY.named("dev.")).isEqualTo("dev.ready");
  }

  @Test
  void the_brokers_clock_orders_the_inputs() {
    for (Topic topic : Topic.values()) {
      assertThat(topic.requiredSettings())
          .isEqualTo(
              topic.isInput() ? Map.of("message.timestamp.type", "LogAppendTime") : Map.of());
    }
    assertThat(Arrays.stream(Topic.values()).filter(Topic::isInput))
        .containsExactly(Topic.ENSURE, Topic.ACTIVITY);
  }
}
