/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;

/** The topics on Kafka. Of the answers, only the user's partition is read. */
final class KafkaCommandLog implements CommandLog {
  private final KafkaLog log;
  private final UserId user;
  private final Consumer<byte[], byte[]> answers;

  /**
   * Opens the log at its present end, so that the answer to whatever is published next is not
   * missed.
   *
   * @param log not closed by this class
   * @param topics of the answers
   */
  KafkaCommandLog(KafkaLog log, UserId user, Topic... topics) throws CommandException {
    this.log = log;
    this.user = user;
    this.answers = log.fromEnd(user, topics);
  }

  @Override
  public void publish(SandboxEvent event) throws CommandException, InterruptedException {
    var _ = log.publish(event);
  }

  @Override
  public List<SandboxEvent> poll(Duration atMost) throws CommandException {
    List<SandboxEvent> events = new ArrayList<>();
    try {
      for (ConsumerRecord<byte[], byte[]> record : answers.poll(atMost)) {
        if (Records.key(record).equals(user.toString())) {
          SandboxEvent event = Records.event(record, log.config().topicPrefix()).event();
          if (event != null && event.userId().equals(user)) {
            events.add(event);
          }
        }
      }
      return events;
    } catch (KafkaException e) {
      throw log.failed("read the answers", e);
    }
  }

  @Override
  public void close() {
    answers.close();
  }
}
