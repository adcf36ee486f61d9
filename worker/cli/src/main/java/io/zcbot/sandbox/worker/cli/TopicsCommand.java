/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicsException;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The command {@code topics}: checks or creates the topics, or prints the permissions of each role.
 */
@Command(
    name = "topics",
    description = "Check or create the topics, or print the permissions that they need.")
final class TopicsCommand {
  private final CommandContext context;

  TopicsCommand(CommandContext context) {
    this.context = context;
  }

  @Command(
      description =
          "Check that all topics exist and have the settings that workers require, and warn of"
              + " settings that endanger records or workers.")
  int check() throws CommandException, InterruptedException {
    return run(false);
  }

  @Command(description = "Create the topics that are missing, then check all of them.")
  int create() throws CommandException, InterruptedException {
    return run(true);
  }

  @Command(
      description = {
        "Print the commands that allow each role on Kafka what it needs, and no more.",
        "Run them as an administrator of Kafka, before 'topics create'. Kafka is not asked."
      })
  int acls(
      @Option(
              names = "--principal",
              paramLabel = "[ROLE=]PRINCIPAL",
              description =
                  "Who has a role (agent, worker, gateway, commander, auditor, operator); may be repeated."
                      + " Roles that are not given are left out (default: User:sandbox-ROLE for"
                      + " each role). With --role, the principal alone.")
          @Nullable List<String> principals,
      @Option(
              names = "--role",
              paramLabel = "ROLE",
              description = "The role of all principals that are given without one.")
          @Nullable String role,
      @Option(
              names = "--agent-groups",
              paramLabel = "PREFIX",
              defaultValue = "sandbox-agents",
              description =
                  "What the names of the consumer groups of agent services begin with (default:"
                      + " sandbox-agents).")
          String agentGroups,
      @Option(
              names = "--command-config",
              paramLabel = "FILE",
              description = "The client properties with which kafka-acls.sh is to connect.")
          @Nullable String clientProperties)
      throws CommandException {
    AclCommands commands = new AclCommands(context.config().kafka(), agentGroups, clientProperties);
    AclCommands.principals(principals == null ? List.of() : principals, role)
        .forEach(
            (each, names) -> commands.of(each, names).forEach(context.console().out()::println));
    return ExitCode.OK;
  }

  private int run(boolean create) throws CommandException, InterruptedException {
    KafkaConfig wanted = context.config().kafka().withCreateTopics(create);
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
      topics
          .weaknesses(context.config().profiles().longestIdleTtl())
          .forEach(each -> context.console().out().println("WARN     " + each.text()));
      return ExitCode.OK;
    } catch (TopicsException e) {
      throw new CommandException(
          e.isFinal() ? ExitCode.CONFIG : ExitCode.UNAVAILABLE, e.getMessage(), e);
    }
  }
}
