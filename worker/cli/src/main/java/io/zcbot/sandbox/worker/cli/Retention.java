/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import java.time.Instant;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.jspecify.annotations.Nullable;

/** Finds out how long the brokers keep the records of topics. */
final class Retention {
  private Retention() {}

  /**
   * Returns the instant since which no record was deleted for its age, by topic. Left out are
   * topics that have also a size limit, and those whose settings this client may not read.
   *
   * @param now by the brokers' clocks
   */
  static Map<Topic, Instant> kept(Admin admin, String topicPrefix, Instant now, Topic... topics)
      throws InterruptedException {
    Map<Topic, Instant> kept = new EnumMap<>(Topic.class);
    Map<ConfigResource, KafkaFuture<Config>> answers =
        admin
            .describeConfigs(
                Arrays.stream(topics).map(each -> resource(topicPrefix, each)).toList())
            .values();
    for (Topic topic : topics) {
      KafkaFuture<Config> answer = answers.get(resource(topicPrefix, topic));
      Instant since = answer == null ? null : since(answer, now);
      if (since != null) {
        kept.put(topic, since);
      }
    }
    return kept;
  }

  private static @Nullable Instant since(KafkaFuture<Config> answer, Instant now)
      throws InterruptedException {
    try {
      Config config = answer.get();
      if (number(config, TopicConfig.RETENTION_BYTES_CONFIG) >= 0) {
        return null;
      }
      long age = number(config, TopicConfig.RETENTION_MS_CONFIG);
      // null without a limit: missing records were deleted by hand
      return age < 0 ? null : now.minusMillis(Math.min(age, now.toEpochMilli()));
    } catch (ExecutionException _) {
      return null; // not permitted, or no such topic
    }
  }

  private static long number(Config config, String setting) {
    return Long.parseLong(config.get(setting).value());
  }

  private static ConfigResource resource(String topicPrefix, Topic topic) {
    return new ConfigResource(ConfigResource.Type.TOPIC, topic.named(topicPrefix));
  }
}
