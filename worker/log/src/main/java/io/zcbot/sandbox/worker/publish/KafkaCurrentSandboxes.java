/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.intake.Ownerships;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/**
 * Writes the table of current sandboxes. All writes but a purge require that this worker owns the
 * user's partition.
 */
public final class KafkaCurrentSandboxes implements CurrentSandboxes {
  private final Publisher publisher;
  private final Ownerships ownerships;
  private final EventCodec codec = new EventCodec();

  public KafkaCurrentSandboxes(Publisher publisher, Ownerships ownerships) {
    this.publisher = publisher;
    this.ownerships = ownerships;
  }

  @Override
  public void enter(CurrentSandbox sandbox) throws FencedException, InterruptedException {
    UserId user = sandbox.userId();
    publisher.send(record(user, codec.encodeCurrent(sandbox)), () -> pass(user));
  }

  @Override
  public void remove(UserId user) throws FencedException, InterruptedException {
    publisher.send(record(user, null), () -> pass(user));
  }

  @Override
  public void purge(UserId user) throws InterruptedException {
    publisher.send(record(user, null));
  }

  private ProducerRecord<byte[], byte[]> record(UserId user, byte @Nullable [] value) {
    return new ProducerRecord<>(publisher.nameOf(Topic.CURRENT), codec.currentKey(user), value);
  }

  private void pass(UserId user) throws FencedException, InterruptedException {
    ownerships.of(publisher.partitionOf(user)).pass();
  }
}
