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
import picocli.CommandLine.Command;

/** Checks or creates the topics. */
@Command(name = "topics", description = "Check or create the topics.")
final class TopicsCommand {
  private final CommandContext context;

  TopicsCommand(CommandContext context) {
    this.context = context;
  }

  @Command(description = "Check that all topics exist and have the settings that workers require.")
  int check() throws CommandException, InterruptedException {
    return run(false);
  }

  @Command(description = "Create the topics that are missing, then check all of them.")
  int create() throws CommandException, InterruptedException {
    return run(true);
  }

  private int run(boolean create) throws CommandException, InterruptedException {
    KafkaConfig config = context.config().kafka();
    KafkaConfig wanted =
        new KafkaConfig(
            config.properties(),
            config.groupId(),
            config.topicPrefix(),
            create,
            config.partitions(),
            config.replicationFactor());
    try (KafkaLog log = new KafkaLog(wanted);
        Admin admin = log.admin("check the topics")) {
      TopicAdmin topics = new TopicAdmin(admin, log.config());
      Map<Topic, Integer> before = topics.describe();
      int partitions = create ? topics.verifyOrCreate() : topics.verify();
      for (Topic topic : Topic.values()) {
        context
            .console()
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
}
