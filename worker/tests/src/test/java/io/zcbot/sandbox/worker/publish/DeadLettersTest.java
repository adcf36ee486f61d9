/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.reply.Replies;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;

class DeadLettersTest {
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  private volatile Set<String> denied = Set.of();
  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(
          Cluster.empty(), true, null, new ByteArraySerializer(), new ByteArraySerializer()) {
        @Override
        public synchronized Future<RecordMetadata> send(
            ProducerRecord<byte[], byte[]> record, Callback callback) {
          if (denied.contains(record.topic())) {
            throw new KafkaException(new TopicAuthorizationException(Set.of(record.topic())));
          }
          return super.send(record, callback);
        }
      };
  private final Publisher publisher =
      new Publisher(
          producer, new KeyPartitions(1), "sandbox.", "/test", "sandbox-workers", 64, Replies.NONE);

  private static ConsumerRecord<byte[], byte[]> record(String value, String... headers) {
    Headers all = new RecordHeaders();
    for (int i = 0; i < headers.length; i += 2) {
      all.add(headers[i], headers[i + 1].getBytes(StandardCharsets.UTF_8));
    }
    return new ConsumerRecord<>(
        "sandbox.ensure",
        3,
        17,
        1_700_000_000_123L,
        TimestampType.LOG_APPEND_TIME,
        0,
        0,
        USER.getBytes(StandardCharsets.UTF_8),
        value.getBytes(StandardCharsets.UTF_8),
        all,
        Optional.empty());
  }

  private static List<String> texts(Headers headers) {
    return StreamSupport.stream(headers.spliterator(), false)
        .map(h -> h.key() + "=" + new String(h.value(), StandardCharsets.UTF_8))
        .toList();
  }

  private static EventFormatException refused(ConsumerRecord<byte[], byte[]> record) {
    try {
      var _ =
          new EventCodec()
              .decodeEnsure(
                  record.key(), record.value(), new Origin("sandbox.ensure", 3, 17, Instant.EPOCH));
    } catch (EventFormatException e) {
      return e;
    }
    throw new AssertionError("it is an ensure");
  }

  @Test
  void tellTheOriginInOurNamesAndInKafkas() throws Exception {
    ConsumerRecord<byte[], byte[]> bad = record("{", "trace", "1");
    EventFormatException why = refused(bad);
    publisher.deadLetter(bad, why);
    assertThat(texts(producer.history().getFirst().headers()))
        .startsWith("trace=1")
        .contains(
            "zcbot_error=" + why.getMessage(),
            "zcbot_topic=sandbox.ensure",
            "zcbot_partition=3",
            "zcbot_offset=17",
            "zcbot_timestamp=1700000000123",
            "zcbot_group=sandbox-workers",
            "__dlq.errors.topic=sandbox.ensure",
            "__dlq.errors.partition=3",
            "__dlq.errors.offset=17",
            "__dlq.errors.group=sandbox-workers",
            "__dlq.errors.message=" + why.getMessage());
  }

  @Test
  void haveTheHeadersThatTheContractSays() throws Exception {
    ConsumerRecord<byte[], byte[]> bad = record("{");
    publisher.deadLetter(bad, refused(bad));
    String contract = Files.readString(Path.of("../..", "events", "asyncapi.yaml"));
    for (Header header : producer.history().getFirst().headers()) {
      assertThat(contract).contains("\n        " + header.key() + ":\n");
    }
  }

  @Test
  void keepTheRecordsOwnHeadersWhateverTheyAreCalled() throws Exception {
    String[] own = {"a", "1", "zcbot_topic", "elsewhere", "a", "2", "__dlq.errors.group", "x"};
    ConsumerRecord<byte[], byte[]> bad = record("{", own);
    publisher.deadLetter(bad, refused(bad));
    assertThat(texts(DeadLetterHeaders.original(producer.history().getFirst().headers())))
        .containsExactly("a=1", "zcbot_topic=elsewhere", "a=2", "__dlq.errors.group=x");
  }

  /** What is denied on one topic is told for as long as it lasts, whatever works on another. */
  @Test
  void theirDenialIsReportedWhileOtherTopicsWork() throws Exception {
    denied = Set.of("sandbox.dead-letter");
    ConsumerRecord<byte[], byte[]> bad = record("{");
    List<Throwable> failures = new ArrayList<>();
    Thread waiting =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    publisher.deadLetter(bad, refused(bad));
                  } catch (Exception e) {
                    failures.add(e);
                  }
                });
    await().atMost(60, TimeUnit.SECONDS).until(() -> publisher.problem() != null);
    publisher.publish(
        new EventCodec()
            .decodeActivity(
                USER.getBytes(StandardCharsets.UTF_8),
                ("{\"user_id\":\"" + USER + "\"}").getBytes(StandardCharsets.UTF_8),
                new Origin("sandbox.activity", 0, 0, Instant.EPOCH)));
    assertThat(publisher.problem())
        .contains("sandbox.dead-letter failed: no permission Write on topic sandbox.dead-letter");
    denied = Set.of();
    waiting.join();
    assertThat(failures).isEmpty();
    assertThat(publisher.problem()).isNull();
    assertThat(producer.history()).hasSize(2);
  }
}
