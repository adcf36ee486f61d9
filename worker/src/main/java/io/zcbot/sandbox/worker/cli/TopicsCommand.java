/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicsException;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;

/** Checks or creates the topics. */
final class TopicsCommand {
  private final Console console;
  private final KafkaConfig config;

  TopicsCommand(Console console, KafkaConfig config) {
    this.console = console;
    this.config = config;
  }

  int run(boolean create) throws CommandException, InterruptedException {
    KafkaConfig wanted =
        new KafkaConfig(
            config.properties(),
            config.groupId(),
            config.topicPrefix(),
            create,
            config.partitions(),
            config.replicationFactor());
    try (KafkaLog log = new KafkaLog(wanted);
        Admin admin = admin(log)) {
      TopicAdmin topics = new TopicAdmin(admin, log.config());
      Map<Topic, Integer> before = topics.describe();
      int partitions = create ? topics.verifyOrCreate() : topics.verify();
      for (Topic topic : Topic.values()) {
        console
            .out()
            .println(
                (before.containsKey(topic) ? "ok       " : "created  ")
                    + topic.named(wanted.topicPrefix())
                    + " ("
                    + partitions
                    + " partitions)");
      }
      return ExitCode.OK;
    } catch (TopicsException e) {
      throw new CommandException(
          e.isFinal() ? ExitCode.CONFIG : ExitCode.UNAVAILABLE, e.getMessage(), e);
    }
  }

  private static Admin admin(KafkaLog log) throws CommandException {
    try {
      return log.clients().admin();
    } catch (KafkaException e) {
      throw log.failed("look at the topics", e);
    }
  }
}
