/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.testkit.FakeOwnership;
import io.zcbot.sandbox.worker.testkit.FakeOwnership.State;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KafkaCurrentSandboxesTest {
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final KeyPartitions PARTITIONS = new KeyPartitions(4);

  /** The number of tries after which the partition goes to another worker. */
  private int triesUntilLost = Integer.MAX_VALUE;

  private boolean isHeld = true;
  private boolean isAway;
  private int tries;

  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer()) {
        @Override
        public synchronized Future<RecordMetadata> send(
            ProducerRecord<byte[], byte[]> record, Callback callback) {
          tries++;
          if (isAway) {
            throw new TimeoutException("the leader is away");
          }
          return super.send(record, callback);
        }
      };
  private final Publisher publisher =
      new Publisher(producer, PARTITIONS, "sandbox.", "/source", "group", 64, Replies.NONE);
  private final KafkaCurrentSandboxes table =
      new KafkaCurrentSandboxes(
          publisher,
          number -> isHeld && number == PARTITIONS.of(ANNA) ? ownership() : Ownership.NONE);

  private Ownership ownership() {
    FakeOwnership ownership = new FakeOwnership(State.OWNED);
    if (tries >= triesUntilLost) {
      ownership.state = State.LOST;
    }
    return ownership;
  }

  @AfterEach
  void close() {
    publisher.close();
  }

  @Test
  void theOwnerOfAUserRemovesTheEntry() throws Exception {
    table.remove(ANNA);
    assertThat(producer.history())
        .singleElement()
        .satisfies(
            record -> {
              assertThat(record.topic()).isEqualTo("sandbox.current");
              assertThat(record.key()).asString().isEqualTo(ANNA.toString());
              assertThat(record.value()).isNull();
            });
  }

  @Test
  void whoeverDoesNotHaveTheUsersPartitionRemovesNothing() {
    isHeld = false;
    assertThatThrownBy(() -> table.remove(ANNA)).isInstanceOf(FencedException.class);
    assertThat(producer.history()).isEmpty();
  }

  @Test
  void whoeverLosesTheUserWhileTheLogIsAwayTriesNoLonger() {
    isAway = true;
    triesUntilLost = 2;
    assertThatThrownBy(() -> table.remove(ANNA)).isInstanceOf(FencedException.class);
    assertThat(tries).isEqualTo(2);
  }

  @Test
  void aPurgeNeedsNoPartition() throws Exception {
    isHeld = false;
    table.purge(ANNA);
    assertThat(producer.history()).hasSize(1);
  }
}
