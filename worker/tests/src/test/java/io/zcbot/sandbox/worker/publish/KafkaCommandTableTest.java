/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KafkaCommandTableTest {
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final KeyPartitions PARTITIONS = new KeyPartitions(4);
  private static final CommandEntry ENTRY = entry(false);

  private final EventCodec codec = new EventCodec();
  private final AtomicInteger failures = new AtomicInteger();
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
  private volatile boolean completes = true;

  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer()) {
        @Override
        public synchronized Future<RecordMetadata> send(
            ProducerRecord<byte[], byte[]> record, Callback callback) {
          if (failures.getAndDecrement() > 0) {
            throw new TimeoutException("the leader is away");
          }
          Future<RecordMetadata> sent = super.send(record, callback);
          if (completes) {
            completeNext();
          }
          return sent;
        }
      };
  private final Publisher publisher =
      new Publisher(producer, PARTITIONS, "sandbox.", "/source", "group", 64, Replies.NONE);
  private final KafkaCommandTable table =
      new KafkaCommandTable(publisher, PARTITIONS, "sandbox.", timer);

  @AfterEach
  void close() {
    publisher.close();
    timer.shutdownNow();
  }

  private static CommandEntry entry(boolean answered) {
    return new CommandEntry(
        ANNA,
        "exec",
        PARTITIONS.of(ANNA),
        7,
        new ContainerRef("name", "container", "host", "worker"),
        Instant.EPOCH,
        answered);
  }

  private List<ProducerRecord<byte[], byte[]>> sent() {
    return producer.history();
  }

  @Test
  void aStartIsInTheLogInTheUsersPartition() throws Exception {
    failures.set(1);
    table.started(ENTRY, Fence.OPEN);
    ProducerRecord<byte[], byte[]> record = sent().getFirst();
    assertThat(record.topic()).isEqualTo("sandbox.commands");
    assertThat(record.partition()).isEqualTo(PARTITIONS.of(ANNA));
    assertThat(new String(record.key(), UTF_8)).isEqualTo(ANNA + "/exec");
    assertThat(codec.decodeCommand(record.value())).isEqualTo(ENTRY);
  }

  @Test
  void aStartIsNotEnteredOnceThePartitionIsAnothers() {
    assertThatThrownBy(
            () ->
                table.started(
                    ENTRY,
                    () -> {
                      throw new FencedException("another worker's by now");
                    }))
        .isInstanceOf(FencedException.class);
    assertThat(sent()).isEmpty();
  }

  @Test
  void whatIsNotWaitedForIsRepeatedUntilTheLogHasIt() throws Exception {
    failures.set(2);
    table.answered(ENTRY);
    await().until(() -> sent().size() == 1);
    assertThat(codec.decodeCommand(sent().getFirst().value())).isEqualTo(entry(true));
  }

  /** Or the entry would come back behind its removal. */
  @Test
  void whatIsWrittenOfOneCommandKeepsItsOrder() {
    completes = false;
    table.answered(ENTRY);
    await().until(() -> sent().size() == 1);
    table.remove(ANNA, "exec");
    assertThat(sent()).hasSize(1);
    producer.errorNext(new TimeoutException("the leader is away"));
    completes = true;
    await().until(() -> sent().size() == 2);
    assertThat(sent().getLast().value()).isNull();
  }

  @Test
  void aRemovalFollowsAnAnswerThatIsOnItsWay() {
    completes = false;
    table.answered(ENTRY);
    await().until(() -> sent().size() == 1);
    table.remove(ANNA, "exec");
    completes = true;
    producer.completeNext();
    await().until(() -> sent().size() == 2);
    assertThat(sent().getLast().value()).isNull();
  }
}
