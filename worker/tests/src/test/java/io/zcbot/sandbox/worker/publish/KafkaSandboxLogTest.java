/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogReader;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.IntFunction;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Whatever the live table contains, the memory for it is bounded, and entries that are not a
 * worker's are removed.
 */
class KafkaSandboxLogTest {
  private static final KeyPartitions PARTITIONS = new KeyPartitions(4);
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final int KEY_PARTITION = PARTITIONS.of(ANNA);
  private static final int FOREIGN = (KEY_PARTITION + 1) % 4;

  private final EventCodec codec = new EventCodec();

  private record Written(int partition, byte[] key, byte @Nullable [] value) {}

  private Written entry(UserId user, String id) {
    return new Written(
        PARTITIONS.of(user),
        codec.liveKey(user, id),
        codec.encodeLive(new LiveSandbox(user, id, "host", "worker", Instant.EPOCH)));
  }

  private static LiveSandbox live(UserId user, String id) {
    return new LiveSandbox(user, id, "host", "worker", Instant.EPOCH);
  }

  private static KafkaSandboxLog log(int count, IntFunction<Written> records, long mostBytes) {
    return new KafkaSandboxLog(
        new LogReader(() -> consumer(count, records)), "sandbox.", PARTITIONS, mostBytes);
  }

  private static KafkaSandboxLog log(Written... records) {
    return log(records.length, i -> records[i], KafkaSandboxLog.MAX_BYTES);
  }

  /** Creates each record when it is polled, so that only the reader can keep it in memory. */
  private static Consumer<byte[], byte[]> consumer(int count, IntFunction<Written> records) {
    MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");
    long[] ends = new long[4];
    for (int i = 0; i < count; i++) {
      ends[records.apply(i).partition()]++;
    }
    for (int p = 0; p < 4; p++) {
      TopicPartition partition = new TopicPartition("sandbox.live", p);
      consumer.updateBeginningOffsets(Map.of(partition, 0L));
      consumer.updateEndOffsets(Map.of(partition, ends[p]));
    }
    long[] next = new long[4];
    for (int from = 0; from < count; from += 100) {
      int begin = from;
      consumer.schedulePollTask(
          () -> {
            for (int i = begin; i < Math.min(begin + 100, count); i++) {
              Written each = records.apply(i);
              consumer.addRecord(
                  new ConsumerRecord<>(
                      "sandbox.live",
                      each.partition(),
                      next[each.partition()]++,
                      each.key(),
                      each.value()));
            }
          });
    }
    return consumer;
  }

  @Test
  void theLastRecordOfAKeyCounts() {
    var entries =
        log(
                entry(ANNA, "a"),
                entry(ANNA, "b"),
                entry(ANNA, "c"),
                new Written(KEY_PARTITION, codec.liveKey(ANNA, "b"), null))
            .live(Set.of(KEY_PARTITION), Map.of("a", ANNA, "b", ANNA), true);
    assertThat(entries.running()).containsOnlyKeys("a");
    assertThat(entries.others()).containsExactly(live(ANNA, "c"));
    assertThat(entries.isComplete()).isTrue();
  }

  @Test
  void whatNoWorkerWritesIsIgnored() {
    UserId ben = new UserId(new UUID(2, 2));
    byte[] bens = codec.encodeLive(live(ben, "a"));
    byte[] annas = codec.encodeLive(live(ANNA, "a"));
    List<Written> written = new ArrayList<>();
    written.add(entry(ANNA, "a"));
    written.add(new Written(KEY_PARTITION, codec.liveKey(ANNA, "a"), bens)); // another user
    written.add(new Written(KEY_PARTITION, codec.liveKey(ANNA, "b"), annas)); // another container
    written.add(new Written(FOREIGN, codec.liveKey(ANNA, "a"), null)); // another partition
    written.add(new Written(FOREIGN, codec.liveKey(ANNA, "c"), codec.encodeLive(live(ANNA, "c"))));
    written.add(new Written(KEY_PARTITION, "a".getBytes(UTF_8), annas));
    written.add(new Written(KEY_PARTITION, "/a".getBytes(UTF_8), null));
    written.add(new Written(KEY_PARTITION, new byte[0], annas));
    written.add(new Written(KEY_PARTITION, codec.liveKey(ANNA, "a"), "{".getBytes(UTF_8)));
    var entries =
        log(written.toArray(Written[]::new)).live(Set.of(0, 1, 2, 3), Map.of("a", ANNA), true);
    assertThat(entries.running()).isEqualTo(Map.of("a", live(ANNA, "a")));
    assertThat(entries.others()).isEmpty();
  }

  @Test
  void anEntryOfAnotherUserForAContainerThatRunsHereIsNotTakenForItsOwn() {
    UserId ben = new UserId(new UUID(2, 2));
    var entries =
        log(entry(ANNA, "a"), entry(ben, "a")).live(Set.of(0, 1, 2, 3), Map.of("a", ANNA), false);
    assertThat(entries.running()).isEqualTo(Map.of("a", live(ANNA, "a")));
  }

  @Test
  void entriesLargerThanAWorkersAreNotHeld() {
    String padding = "x".repeat(3_900);
    var entries =
        log(9_000, i -> entry(ANNA, padding + i), KafkaSandboxLog.MAX_BYTES)
            .live(Set.of(KEY_PARTITION), Map.of(), true);
    assertThat(entries.others()).isEmpty();
    assertThat(entries.isComplete()).isTrue();
  }

  @Test
  void noMoreIsHeldThanFitsAndThoseThatRunHereAlwaysAre() {
    var entries =
        log(10_001, i -> entry(ANNA, i == 10_000 ? "mine" : "other " + i), 100_000)
            .live(Set.of(KEY_PARTITION), Map.of("mine", ANNA), true);
    assertThat(entries.running()).containsOnlyKeys("mine");
    assertThat(entries.others()).hasSizeBetween(100, 250);
    assertThat(entries.isComplete()).isFalse();
  }

  @Test
  void whatWasRemovedMakesRoom() {
    var entries =
        log(
                20_000,
                i ->
                    i % 2 == 0
                        ? entry(ANNA, "other " + i)
                        : new Written(KEY_PARTITION, codec.liveKey(ANNA, "other " + (i - 1)), null),
                100_000)
            .live(Set.of(KEY_PARTITION), Map.of(), true);
    assertThat(entries.others()).isEmpty();
    assertThat(entries.isComplete()).isTrue();
  }
}
