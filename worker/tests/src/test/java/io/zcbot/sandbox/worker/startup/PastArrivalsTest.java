/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class PastArrivalsTest {
  private static final String TOPIC = "sandbox.ready";
  private static final int POLL = 20;
  private static final EventCodec CODEC = new EventCodec();

  private final ManualTime time = new ManualTime(Duration.ofHours(100).toNanos());
  private final Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> log = new HashMap<>();
  private final List<Instant> found = new ArrayList<>();
  private Set<Integer> mine = Set.of();
  private boolean isAway;
  private int reads;
  private final PastArrivals past =
      new PastArrivals(
          TOPIC,
          "me",
          new LogReader(this::consumer),
          () -> mine,
          (_, times) -> found.addAll(times),
          time,
          Runnable::run);

  private MockConsumer<byte[], byte[]> consumer() {
    reads++;
    if (isAway) {
      throw new KafkaException("away");
    }
    Map<TopicPartition, Long> ends = new HashMap<>();
    for (int i : mine) {
      TopicPartition partition = new TopicPartition(TOPIC, i);
      ends.put(partition, (long) log.getOrDefault(partition, List.of()).size());
    }
    MockConsumer<byte[], byte[]> consumer =
        new MockConsumer<>("earliest") {
          @Override
          public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
              Map<TopicPartition, Long> times, Duration timeout) {
            Map<TopicPartition, OffsetAndTimestamp> first = new HashMap<>();
            times.forEach(
                (partition, from) ->
                    log.getOrDefault(partition, List.of()).stream()
                        .filter(record -> record.timestamp() >= from)
                        .findFirst()
                        .ifPresent(
                            record ->
                                first.put(
                                    partition,
                                    new OffsetAndTimestamp(record.offset(), record.timestamp()))));
            return first;
          }
        };
    consumer.updateEndOffsets(ends);
    consumer.setMaxPollRecords(POLL);
    consumer.schedulePollTask(
        () ->
            consumer
                .assignment()
                .forEach(p -> log.getOrDefault(p, List.of()).forEach(consumer::addRecord)));
    return consumer;
  }

  private void ready(
      int partition, Duration ago, String worker, Ready.Outcome outcome, long tookMs) {
    Instant at = time.now().minus(ago);
    UserId user = new UserId(new UUID(0, log.size() * 1000L + offset(partition)));
    add(
        partition,
        at,
        user.toString(),
        CODEC.encode(
            SampleEvents.ready(
                user,
                "e",
                at,
                new ContainerRef("zcbot-sandbox-" + user, "c", "host", worker),
                outcome,
                tookMs)));
  }

  private int offset(int partition) {
    return log.getOrDefault(new TopicPartition(TOPIC, partition), List.of()).size();
  }

  private void add(int partition, Instant at, String key, byte[] value) {
    log.computeIfAbsent(new TopicPartition(TOPIC, partition), _ -> new ArrayList<>())
        .add(
            new ConsumerRecord<>(
                TOPIC,
                partition,
                offset(partition),
                at.toEpochMilli(),
                TimestampType.CREATE_TIME,
                key.length(),
                value.length,
                key.getBytes(StandardCharsets.UTF_8),
                value,
                new RecordHeaders(),
                Optional.empty()));
  }

  @Test
  void newUsersOfTheLastDayAreFoundWhoeverServedThem() {
    ready(0, Duration.ofHours(30), "me", Ready.Outcome.CREATED, 0);
    ready(0, Duration.ofHours(20), "another", Ready.Outcome.CREATED, 4000);
    ready(0, Duration.ofHours(3), "me", Ready.Outcome.CLAIMED, 10);
    ready(0, Duration.ofHours(2), "me", Ready.Outcome.REUSED, 10);
    add(0, time.now().minusSeconds(100), "no user", new byte[] {1, 2, 3});
    ready(0, Duration.ofHours(1), "me", Ready.Outcome.RECREATED, Long.MAX_VALUE);
    ready(1, Duration.ofHours(1), "me", Ready.Outcome.CREATED, 0);
    mine = Set.of(0);

    past.tick();

    assertThat(found)
        .containsExactly(
            time.now().minus(Duration.ofHours(20)).minusMillis(4000),
            time.now().minus(Duration.ofHours(3)).minusMillis(10),
            time.now().minus(Duration.ofMinutes(70)));
  }

  @Test
  void eachPartitionIsReadOnceAndWhatThisProcessCountsIsLeftOut() {
    past.tick();
    assertThat(reads).as("it has no partition yet").isZero();
    mine = Set.of(0);
    ready(0, Duration.ofMinutes(1), "me", Ready.Outcome.CREATED, 0);
    isAway = true;
    past.tick();
    assertThat(found).isEmpty();
    isAway = false;
    past.tick();
    past.tick();
    assertThat(found).hasSize(1);
    assertThat(reads).isEqualTo(2);

    time.pass(Duration.ofHours(1));
    ready(1, Duration.ofMinutes(30), "me", Ready.Outcome.CLAIMED, 0);
    ready(1, Duration.ofMinutes(20), "another", Ready.Outcome.CLAIMED, 0);
    mine = Set.of(0, 1);
    past.tick();
    assertThat(found).hasSize(2).last().isEqualTo(time.now().minus(Duration.ofMinutes(20)));
  }

  @Test
  void ofManyRecordsTheLatestAreRead() {
    for (int i = 0; i < 100; i++) {
      ready(0, Duration.ofSeconds(1000 - i), "me", Ready.Outcome.CREATED, 0);
    }
    mine = Set.of(0);
    List<Long> offsets = new ArrayList<>();
    LogReader reader = new LogReader(this::consumer);

    reader.readLatest(
        TOPIC, mine, Instant.EPOCH, 10, Long.MAX_VALUE, record -> offsets.add(record.offset()));
    assertThat(offsets).hasSize(10).startsWith(90L).endsWith(99L);

    offsets.clear();
    reader.readLatest(TOPIC, mine, Instant.EPOCH, 50, 1, record -> offsets.add(record.offset()));
    assertThat(offsets).as("no poll after the bound in bytes").hasSize(POLL).startsWith(50L);
  }
}
