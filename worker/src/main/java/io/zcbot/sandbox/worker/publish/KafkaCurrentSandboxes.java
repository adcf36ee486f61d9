/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Writes the table of current sandboxes. */
public final class KafkaCurrentSandboxes implements CurrentSandboxes {
  private final Publisher publisher;
  private final String topic;
  private final EventCodec codec = new EventCodec();

  public KafkaCurrentSandboxes(Publisher publisher, String topicPrefix) {
    this.publisher = publisher;
    this.topic = Topic.CURRENT.named(topicPrefix);
  }

  @Override
  public void enter(CurrentSandbox sandbox) throws InterruptedException {
    publisher.send(
        new ProducerRecord<>(
            topic, codec.currentKey(sandbox.userId()), codec.encodeCurrent(sandbox)));
  }

  @Override
  public void remove(UserId user) throws InterruptedException {
    publisher.send(new ProducerRecord<>(topic, codec.currentKey(user), null));
  }
}
