/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class AnswerReaderTest {
  private static final List<Topic> TOPICS = List.of(Topic.EXITED, Topic.OUTPUT);

  private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("none");
  private final BlockingQueue<ConsumerRecord<byte[], byte[]>> read = new LinkedBlockingQueue<>();
  private final AnswerReader reader =
      new AnswerReader(consumer, ClientOptions.defaults(), read::add);
  private final UserId user = Samples.user();

  @BeforeEach
  void start() {
    for (Topic topic : TOPICS) {
      add(topic.named("sandbox."), 3, 100);
    }
    reader.start();
  }

  @AfterEach
  void stop() {
    reader.close();
    assertThat(consumer.closed()).isTrue();
  }

  private void add(String topic, int partitions, long end) {
    Map<TopicPartition, Long> ends = new HashMap<>();
    IntStream.range(0, partitions).forEach(i -> ends.put(new TopicPartition(topic, i), end));
    consumer.updateEndOffsets(ends);
    consumer.updatePartitions(
        topic,
        ends.keySet().stream()
            .map(each -> new PartitionInfo(topic, each.partition(), null, null, null))
            .toList());
  }

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(30));
  }

  @Test
  void whatIsPublishedAfterTheQuestionIsRead() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      assertThat(consumer.assignment()).hasSize(2);
      TopicPartition partition = consumer.assignment().iterator().next();
      assertThat(consumer.position(partition)).isEqualTo(100);
      consumer.addRecord(
          new ConsumerRecord<>(
              partition.topic(), partition.partition(), 100, new byte[0], new byte[0]));
      assertThat(read.poll(30, TimeUnit.SECONDS)).isNotNull();
    }
  }

  @Test
  void aUserWhosePartitionsAreReadCostsNoCall() throws Exception {
    try (AnswerReader.Following following = reader.follow(user, TOPICS, soon())) {
      assertThat(following).isNotNull();
      consumer.setOffsetsException(new KafkaException("not to be asked"));
      try (AnswerReader.Following again = reader.follow(user, TOPICS, soon())) {
        assertThat(again).isNotNull();
      }
      consumer.setOffsetsException(null);
    }
  }

  @Test
  void aTopicThatDoesNotExistIsAnErrorAndALaterQuestionIsAnswered() throws Exception {
    assertThatThrownBy(() -> reader.follow(user, List.of(Topic.REAPED), soon()))
        .isInstanceOf(SandboxException.class)
        .hasMessageContaining("sandbox.reaped does not exist");
    add("sandbox.reaped", 1, 0);
    try (AnswerReader.Following following = reader.follow(user, List.of(Topic.REAPED), soon())) {
      assertThat(following).isNotNull();
    }
  }

  @Test
  void aDeadlineAndTheEndOfTheClientEndTheWait() {
    consumer.setOffsetsException(new org.apache.kafka.common.errors.TimeoutException("away"));
    assertThatThrownBy(() -> reader.follow(user, TOPICS, Deadline.in(Duration.ofMillis(50))))
        .isInstanceOf(NoAnswerException.class)
        .hasRootCauseMessage("away");
    reader.close();
    assertThatThrownBy(() -> reader.follow(user, TOPICS, soon()))
        .isInstanceOf(ClientClosedException.class);
  }
}
