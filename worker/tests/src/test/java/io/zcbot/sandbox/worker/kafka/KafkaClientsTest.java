/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KafkaClientsTest {
  private static KafkaClients with(String property, String value) {
    return new KafkaClients(
        new KafkaConfig(
            Map.of("bootstrap.servers", "127.0.0.1:1", property, value),
            "group",
            "sandbox.",
            false,
            1,
            (short) 1),
        "test");
  }

  @ParameterizedTest
  @CsvSource({
    "group.remote.assignor,range",
    "group.protocol,consumer",
    "group.protocol,CONSUMER",
    "group.protocol,classic",
    "group.protocol,Classic",
    "request.timeout.ms,40000",
    "delivery.timeout.ms,5000",
    "delivery.timeout.ms,10",
    "linger.ms,60000",
    "default.api.timeout.ms,1000",
    "max.poll.interval.ms,60000",
    "request.timeout.ms,100",
    "buffer.memory,1000000"
  })
  void aValidPropertyAloneIsAcceptedByEveryClient(String property, String value) {
    KafkaClients clients = with(property, value);
    assertThatCode(
            () -> {
              clients.groupConsumer(1, "w1").close();
              clients.freeConsumer("log").close();
              clients.freeRequestConsumer("input").close();
              clients.producer().close(Duration.ZERO);
              clients.admin().close(Duration.ZERO);
            })
        .doesNotThrowAnyException();
  }

  @Test
  void theProducerKnowsItsTopicsAfterHoursOfRest() {
    assertThat(longestRest(with("acks", "all"))).isGreaterThan(Duration.ofDays(1));
    assertThat(longestRest(with("metadata.max.idle.ms", "5000"))).isEqualTo(Duration.ofSeconds(5));
  }

  private static Duration longestRest(KafkaClients clients) {
    Object millis = clients.publishing().get(ProducerConfig.METADATA_MAX_IDLE_CONFIG);
    return Duration.ofMillis(Long.parseLong(String.valueOf(millis)));
  }

  @Test
  void propertiesOfTheClassicGroupProtocolAreRefusedWhereItIsNotUsed() {
    assertThatThrownBy(() -> with("session.timeout.ms", "45000").groupConsumer(1, "w1"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("session.timeout.ms cannot be set when group.protocol=CONSUMER");
  }
}
