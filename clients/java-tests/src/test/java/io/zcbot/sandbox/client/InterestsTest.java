/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class InterestsTest {
  private static final List<Topic> TOPICS = List.of(Topic.READY, Topic.REAPED);

  private final UserId user = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private final AtomicLong time = new AtomicLong();

  private Interests of(String replyTopic) {
    return new Interests(new PartitionMap("sandbox.", replyTopic), time::get);
  }

  private static int partition(UserId user, int count) {
    byte[] key = user.toString().getBytes(StandardCharsets.UTF_8);
    return BuiltInPartitioner.partitionForKey(key, count);
  }

  @Test
  void theUsersPartitionsAreReadAndNoOthers() {
    Interests interests = of(null);
    interests.add(user, TOPICS);
    assertThat(interests.uncounted()).containsExactlyInAnyOrder("sandbox.ready", "sandbox.reaped");
    assertThat(interests.count("sandbox.ready", 4)).isFalse();
    assertThat(interests.count("sandbox.reaped", 4)).isFalse();
    int partition = partition(user, 4);
    assertThat(interests.missing())
        .containsExactlyInAnyOrder(
            new TopicPartition("sandbox.ready", partition),
            new TopicPartition("sandbox.reaped", partition));
    assertThat(interests.isRead(user, TOPICS)).isFalse();
    interests.read(interests.missing());
    assertThat(interests.isRead(user, TOPICS)).isTrue();
    assertThat(interests.missing()).isEmpty();
  }

  @Test
  void partitionsAreKeptForAWhileAfterTheirLastUse() {
    Interests interests = of(null);
    interests.count("sandbox.ready", 4);
    interests.add(user, List.of(Topic.READY));
    interests.add(user, List.of(Topic.READY));
    interests.read(interests.missing());
    time.addAndGet(2 * Interests.LINGER.toNanos());
    assertThat(interests.forget()).isFalse();
    interests.remove(user, List.of(Topic.READY));
    time.addAndGet(2 * Interests.LINGER.toNanos());
    assertThat(interests.forget()).isFalse();
    interests.remove(user, List.of(Topic.READY));
    time.addAndGet(Interests.LINGER.toNanos());
    assertThat(interests.forget()).isFalse();
    time.addAndGet(1);
    assertThat(interests.forget()).isTrue();
    assertThat(interests.read()).isEmpty();
    assertThat(interests.isEmpty()).isTrue();
  }

  @Test
  void morePartitionsMoveUsers() {
    Interests interests = of(null);
    interests.count("sandbox.ready", 1);
    UserId moved = Samples.user();
    while (partition(moved, 5) == 0) {
      moved = Samples.user();
    }
    interests.add(moved, List.of(Topic.READY));
    interests.read(interests.missing());
    time.addAndGet(2 * Interests.LINGER.toNanos());
    assertThat(interests.count("sandbox.ready", 5)).isTrue();
    assertThat(interests.forget()).as("answers may still come where they came before").isFalse();
    assertThat(interests.isRead(moved, List.of(Topic.READY))).isFalse();
    assertThat(interests.missing())
        .containsExactly(new TopicPartition("sandbox.ready", partition(moved, 5)));
  }

  @Test
  void answersComeInTheReplyTopicAndEndsOfSandboxesDoNot() {
    Interests interests = of("sandbox.reply.mine");
    interests.add(user, TOPICS);
    assertThat(interests.uncounted())
        .containsExactlyInAnyOrder("sandbox.reply.mine", "sandbox.reaped");
    interests.count("sandbox.reply.mine", 2);
    assertThat(interests.missing())
        .containsExactlyInAnyOrder(
            new TopicPartition("sandbox.reply.mine", 0),
            new TopicPartition("sandbox.reply.mine", 1));
  }
}
