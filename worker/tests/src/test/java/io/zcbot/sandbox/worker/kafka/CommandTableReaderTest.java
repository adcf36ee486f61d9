/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Whatever the command table contains, entries that no worker writes are removed. */
class CommandTableReaderTest {
  private static final KeyPartitions PARTITIONS = new KeyPartitions(4);
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final int KEY_PARTITION = PARTITIONS.of(ANNA);
  private static final long EXEC_END = 9;
  private static final int FOREIGN = (KEY_PARTITION + 1) % 4;

  private final EventCodec codec = new EventCodec();
  private final List<ConsumerRecord<byte[], byte[]>> written = new ArrayList<>();
  private final Map<Integer, Long> offsets = new HashMap<>();

  private static CommandEntry entry(UserId user, String id, boolean answered) {
    return entry(user, id, 7, "worker", answered);
  }

  private static CommandEntry entry(
      UserId user, String id, long offset, String worker, boolean answered) {
    return new CommandEntry(
        user,
        id,
        PARTITIONS.of(user),
        offset,
        new ContainerRef("name", "container", "host", worker),
        Instant.EPOCH,
        answered);
  }

  private void write(int partition, byte[] key, byte @Nullable [] value) {
    long offset = offsets.merge(partition, 1L, Long::sum) - 1;
    written.add(new ConsumerRecord<>("sandbox.commands", partition, offset, key, value));
  }

  private void write(CommandEntry entry) {
    write(
        PARTITIONS.of(entry.userId()),
        codec.commandKey(entry.userId(), entry.execId()),
        codec.encodeCommand(entry));
  }

  private Consumer<byte[], byte[]> consumer() {
    MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");
    for (int p = 0; p < 4; p++) {
      int number = p;
      TopicPartition partition = new TopicPartition("sandbox.commands", p);
      consumer.updateBeginningOffsets(Map.of(partition, 0L));
      consumer.updateEndOffsets(Map.of(new TopicPartition("sandbox.exec", p), EXEC_END));
      consumer.updateEndOffsets(
          Map.of(
              partition, written.stream().filter(record -> record.partition() == number).count()));
    }
    consumer.schedulePollTask(
        () ->
            written.stream()
                .filter(
                    record ->
                        consumer
                            .assignment()
                            .contains(new TopicPartition(record.topic(), record.partition())))
                .forEach(consumer::addRecord));
    return consumer;
  }

  private Map<Integer, CommandTableReader.Part> read(Integer... partitions) {
    return new CommandTableReader(new LogReader(this::consumer), "sandbox.", PARTITIONS)
        .read(Set.of(partitions));
  }

  private static CommandTableReader.Part part(CommandEntry... entries) {
    return new CommandTableReader.Part(List.of(entries), EXEC_END);
  }

  @Test
  void theLastRecordOfACommandCounts() {
    write(entry(ANNA, "runs", false));
    write(entry(ANNA, "answered", false));
    write(entry(ANNA, "removed", false));
    write(entry(ANNA, "answered", true));
    write(KEY_PARTITION, codec.commandKey(ANNA, "removed"), null);
    assertThat(read(KEY_PARTITION))
        .isEqualTo(
            Map.of(KEY_PARTITION, part(entry(ANNA, "runs", false), entry(ANNA, "answered", true))));
  }

  @Test
  void eachPartitionHasItsOwn() {
    write(entry(ANNA, "runs", false));
    assertThat(read(KEY_PARTITION, FOREIGN))
        .isEqualTo(Map.of(KEY_PARTITION, part(entry(ANNA, "runs", false))));
  }

  /** From a worker that was suspended while it wrote, and lost the partition meanwhile. */
  @Test
  void anEntryThatArrivesAfterItsExecWasAnsweredCountsAsAnswered() {
    for (String id : List.of("answered", "removed", "both")) {
      write(entry(ANNA, id, false));
    }
    for (String id : List.of("answered", "both")) {
      write(entry(ANNA, id, true));
    }
    for (String id : List.of("removed", "both")) {
      write(KEY_PARTITION, codec.commandKey(ANNA, id), null);
    }
    for (String id : List.of("answered", "removed", "both")) {
      write(entry(ANNA, id, 7, "suspended", false));
    }
    assertThat(read(KEY_PARTITION).get(KEY_PARTITION).entries())
        .containsExactly(
            entry(ANNA, "answered", 7, "suspended", true),
            entry(ANNA, "removed", 7, "suspended", true),
            entry(ANNA, "both", 7, "suspended", true));
  }

  /** The memory for them is bounded, whatever the table contains. */
  @Test
  void onlyTheLatestAnswersAreRemembered() {
    for (int i = 0; i <= CommandTableReader.MAX_ENDED; i++) {
      write(entry(ANNA, "x" + i, i, "worker", true));
      write(KEY_PARTITION, codec.commandKey(ANNA, "x" + i), null);
    }
    int last = CommandTableReader.MAX_ENDED;
    write(entry(ANNA, "x0", 0, "suspended", false));
    write(entry(ANNA, "x" + last, last, "suspended", false));
    assertThat(read(KEY_PARTITION).get(KEY_PARTITION).entries())
        .containsExactly(
            entry(ANNA, "x0", 0, "suspended", false),
            entry(ANNA, "x" + last, last, "suspended", true));
  }

  @Test
  void theAnswerOfOneExecSaysNothingAboutAnotherWithItsId() {
    write(entry(ANNA, "a", true));
    write(KEY_PARTITION, codec.commandKey(ANNA, "a"), null);
    write(entry(ANNA, "a", 8, "worker", false));
    assertThat(read(KEY_PARTITION))
        .isEqualTo(Map.of(KEY_PARTITION, part(entry(ANNA, "a", 8, "worker", false))));
  }

  @Test
  void whatNoWorkerWritesIsIgnored() {
    UserId ben = new UserId(new UUID(2, 2));
    byte[] annas = codec.encodeCommand(entry(ANNA, "a", false));
    write(entry(ANNA, "a", false));
    write(KEY_PARTITION, codec.commandKey(ANNA, "b"), annas); // another command
    write(KEY_PARTITION, codec.commandKey(ben, "a"), annas); // another user
    write(FOREIGN, codec.commandKey(ANNA, "a"), null); // another partition
    write(FOREIGN, codec.commandKey(ANNA, "a"), annas);
    write(KEY_PARTITION, codec.commandKey(ANNA, "a"), "{".getBytes(UTF_8));
    write(KEY_PARTITION, new byte[0], annas);
    write(KEY_PARTITION, codec.commandKey(ANNA, "c"), new byte[100_000]);
    assertThat(read(KEY_PARTITION, FOREIGN))
        .isEqualTo(Map.of(KEY_PARTITION, part(entry(ANNA, "a", false))));
  }

  @Test
  void aRemovalInAnotherPartitionRemovesNothing() {
    write(entry(ANNA, "a", false));
    write(FOREIGN, codec.commandKey(ANNA, "a"), null);
    assertThat(read(KEY_PARTITION, FOREIGN))
        .isEqualTo(Map.of(KEY_PARTITION, part(entry(ANNA, "a", false))));
  }

  /** Nothing is remembered under a number that nobody asks for. */
  @Test
  void anEntryThatNamesAnotherPartitionIsIgnored() {
    CommandEntry entry =
        new CommandEntry(
            ANNA,
            "a",
            KEY_PARTITION + 4,
            7,
            new ContainerRef("name", "container", "host", "worker"),
            Instant.EPOCH,
            false);
    write(entry);
    assertThat(read(KEY_PARTITION)).isEmpty();
  }

  /** All of it counts, or what is kept would take ten times as much as is allowed. */
  @Test
  void longTextsTakeRoomAndEntriesOfWorkersHaveIt() {
    String padding = "x".repeat(1_800);
    for (int i = 0; i < 9_000; i++) {
      write(
          new CommandEntry(
              ANNA,
              "flood-" + i,
              KEY_PARTITION,
              7,
              new ContainerRef(padding, "c", padding, "w"),
              Instant.EPOCH,
              false));
    }
    List<CommandEntry> kept = read(KEY_PARTITION).get(KEY_PARTITION).entries();
    assertThat(kept.size()).isBetween(3_000, 5_000);

    written.clear();
    offsets.clear();
    for (int i = 0; i < 30_000; i++) {
      write(entry(ANNA, "0e8dd26d-54e5-4d58-8cbd-28dc45e" + i, false));
    }
    assertThat(read(KEY_PARTITION).get(KEY_PARTITION).entries()).hasSize(30_000);
  }
}
