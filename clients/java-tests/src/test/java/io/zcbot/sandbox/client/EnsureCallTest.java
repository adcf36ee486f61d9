/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Ensures while no broker is reached. */
class EnsureCallTest {
  private final EventCodec codec = new EventCodec();
  private final BlockingQueue<ProducerRecord<byte[], byte[]>> published =
      new LinkedBlockingQueue<>();
  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer()) {
        @Override
        public Future<RecordMetadata> send(
            ProducerRecord<byte[], byte[]> published, Callback callback) {
          Future<RecordMetadata> sent = super.send(published, callback);
          EnsureCallTest.this.published.add(published);
          return sent;
        }
      };
  private final UserId user = Samples.user();
  private final RefusedConsumer consumer = new RefusedConsumer();
  private Connection connection;

  @BeforeEach
  void start() {
    for (Topic topic : List.of(Topic.READY, Topic.FAILED)) {
      String name = topic.named("sandbox.");
      consumer.updateEndOffsets(Map.of(new TopicPartition(name, 0), 0L));
      consumer.updatePartitions(name, List.of(new PartitionInfo(name, 0, null, null, null)));
    }
    connection =
        new Connection(
            () -> producer, consumer, Samples.reach(), Samples::noTables, ClientOptions.defaults());
  }

  @AfterEach
  void stop() {
    connection.close();
  }

  private Ready ensure(Duration within) throws InterruptedException {
    return ensure(EnsureOptions.DEFAULT.within(within));
  }

  private Ready ensure(EnsureOptions options) throws InterruptedException {
    return new Sandbox(connection, user).ensure(options);
  }

  private Ensure next() throws Exception {
    ProducerRecord<byte[], byte[]> next = published.poll(60, TimeUnit.SECONDS);
    assertThat(next).isNotNull();
    Origin origin = new Origin(next.topic(), 0, 0, Samples.NOW);
    return (Ensure) codec.decode(Topic.ENSURE, next.key(), next.value(), origin);
  }

  private void answer(Ready ready) {
    byte[] key = user.toString().getBytes(StandardCharsets.UTF_8);
    connection
        .answers()
        .accept(new ConsumerRecord<>("sandbox.ready", 0, 0, key, codec.encode(ready)));
  }

  @Test
  void labelsAndAnEndAreAskedFor() throws Exception {
    Instant end = Instant.parse("2126-11-24T12:05:00Z");
    EnsureOptions options =
        EnsureOptions.DEFAULT.withLabels(Map.of("tenant", "acme")).withEndsAt(end);
    FutureTask<Ready> ensure = new FutureTask<>(() -> ensure(options));
    Thread.ofPlatform().daemon().start(ensure);
    Ensure asked = next();
    assertThat(asked.labels()).isEqualTo(Map.of("tenant", "acme"));
    assertThat(asked.endsAt()).isEqualTo(end);
    assertThat(asked.idleTtl()).isNull();
    EnsureOptions others = options.withIdleTtl(Duration.ofSeconds(9)).within(Duration.ofSeconds(8));
    assertThat(others.labels()).isEqualTo(options.labels());
    assertThat(others.endsAt()).isEqualTo(end);
  }

  @Test
  void aProfileIsAskedFor() throws Exception {
    EnsureOptions options = EnsureOptions.DEFAULT.withProfile("data-science").replacing();
    FutureTask<Ready> ensure = new FutureTask<>(() -> ensure(options.withLabels(Map.of())));
    Thread.ofPlatform().daemon().start(ensure);
    Ensure asked = next();
    assertThat(asked.profile()).isEqualTo("data-science");
    assertThat(asked.replace()).isTrue();
    assertThat(EnsureOptions.DEFAULT.profile()).isNull();
    assertThat(EnsureOptions.DEFAULT.replace()).isFalse();
  }

  @Test
  void aProfileThatNoWorkerCanHaveIsRefusedAtOnce() {
    EnsureOptions options = EnsureOptions.DEFAULT.withProfile("Data Science");
    assertThatThrownBy(() -> ensure(options))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("profile: is 'Data Science'");
  }

  @Test
  void labelsThatNoWorkerWouldAcceptAreRefusedAtOnce() {
    EnsureOptions options = EnsureOptions.DEFAULT.withLabels(Map.of("a", "b".repeat(4096)));
    assertThatThrownBy(() -> ensure(options))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("labels: takes 4097 bytes");
  }

  /** It does so after two minutes, however long the caller wants to wait. */
  @Test
  void anEnsureThatTheProducerGivesUpIsPublishedAgain() throws Exception {
    FutureTask<Ready> ensure = new FutureTask<>(() -> ensure(Duration.ofMinutes(10)));
    Thread caller = Thread.ofPlatform().daemon().start(ensure);
    Ensure first = next();
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> caller.getState() == Thread.State.TIMED_WAITING);
    producer.errorNext(new TimeoutException("expired"));
    Ensure second = next();
    assertThat(second.eventId()).isEqualTo(first.eventId());
    assertThat(second.expiresAt()).isEqualTo(first.expiresAt());
    producer.completeNext();
    Ready ready = Samples.ready(user, first.eventId());
    answer(ready);
    assertThat(ensure.get(60, TimeUnit.SECONDS)).isEqualTo(ready);
  }

  @Test
  void anAnswerCountsThoughItsEnsureIsNotAcknowledged() throws Exception {
    FutureTask<Ready> ensure = new FutureTask<>(() -> ensure(Duration.ofMinutes(10)));
    Thread.ofPlatform().daemon().start(ensure);
    Ready ready = Samples.ready(user, next().eventId());
    answer(ready);
    assertThat(ensure.get(60, TimeUnit.SECONDS)).isEqualTo(ready);
  }

  /** Without Read, but with Describe, which is enough to find out where answers will be. */
  @Test
  void aMissingAnswerIsExplainedByWhatCannotBeRead() throws Exception {
    FutureTask<Ready> ensure = new FutureTask<>(() -> ensure(Duration.ofSeconds(10)));
    Thread.ofPlatform().daemon().start(ensure);
    next();
    producer.completeNext();
    consumer.refused = "sandbox.ready";
    assertThatThrownBy(() -> ensure.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(NoAnswerException.class)
        .hasMessageContaining("[sandbox.ready]");
    consumer.refused = "";
  }

  @Test
  void anEnsureThatIsNotAcknowledgedByItsDeadlineSaysSo() throws Exception {
    connection
        .reader()
        .follow(user, List.of(Topic.READY, Topic.FAILED), Deadline.in(Duration.ofSeconds(60)))
        .close(); // they stay read for a while
    assertThatThrownBy(() -> ensure(Duration.ofSeconds(10)))
        .isInstanceOf(NoAnswerException.class)
        .hasMessageContaining("did not acknowledge");
  }
}
