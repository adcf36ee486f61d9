/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.internals.RecordHeaders;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** The command {@code publish}: publishes any record, to test how workers handle it. */
@Command(
    name = "publish",
    description = {
      "Publish a record to one of the input topics, without checking it.",
      "Use it to test how workers handle invalid input; other commands publish valid records."
    })
final class PublishCommand implements Callable<Integer> {
  private final CommandContext context;

  @Parameters(
      paramLabel = "TOPIC",
      description = "The topic: ensure, activity, exec, input or release.")
  private InputTopic topic = InputTopic.ensure;

  @Parameters(paramLabel = "KEY", description = "The record's key.")
  private String key = "";

  @Parameters(paramLabel = "VALUE", description = "The record's value.")
  private String value = "";

  /** In lower case, because that is what is typed. */
  enum InputTopic {
    ensure(Topic.ENSURE),
    activity(Topic.ACTIVITY),
    exec(Topic.EXEC),
    input(Topic.INPUT),
    release(Topic.RELEASE);

    final Topic topic;

    InputTopic(Topic topic) {
      this.topic = topic;
    }
  }

  PublishCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    try (KafkaLog log = context.log()) {
      RecordMetadata at =
          log.publish(
              topic.topic,
              key.getBytes(StandardCharsets.UTF_8),
              value.getBytes(StandardCharsets.UTF_8),
              new RecordHeaders());
      context.console().out().println("published " + at);
      return ExitCode.OK;
    }
  }
}
