/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.junit.jupiter.api.Test;

class OneAtATimeTest {
  private static final int MOST = 20;
  private static final Duration WAIT = Duration.ofSeconds(1);

  private final Deque<Object> log = new ArrayDeque<>();
  private final List<Duration> waits = new ArrayList<>();
  private final OneAtATime reader = new OneAtATime(this::next, MOST);

  private ConsumerRecords<byte[], byte[]> next(Duration wait) {
    waits.add(wait);
    return switch (log.poll()) {
      case RuntimeException e -> throw e;
      case ConsumerRecord<?, ?> record -> {
        TopicPartition from = new TopicPartition(record.topic(), record.partition());
        yield new ConsumerRecords<>(
            Map.of(from, List.of(OneAtATimeTest.record(record))),
            Map.of(from, new OffsetAndMetadata(record.offset() + 1)));
      }
      case Runnable rebalance -> {
        rebalance.run();
        yield ConsumerRecords.empty();
      }
      case null, default -> ConsumerRecords.empty();
    };
  }

  @SuppressWarnings("unchecked") // all records here are of bytes
  private static ConsumerRecord<byte[], byte[]> record(ConsumerRecord<?, ?> record) {
    return (ConsumerRecord<byte[], byte[]>) record;
  }

  private void write(int partition, int offset, int size) {
    log.add(new ConsumerRecord<>("topic", partition, offset, new byte[0], new byte[size]));
  }

  private List<String> poll() {
    List<String> places = new ArrayList<>();
    reader.poll(WAIT).forEach(each -> places.add(each.partition() + "@" + each.offset()));
    return places;
  }

  @Test
  void aPollReturnsWhatIsThereAndWaitsForTheFirstRecordOnly() {
    write(0, 4, 10);
    write(1, 7, 10);
    write(0, 5, 10);
    ConsumerRecords<byte[], byte[]> records = reader.poll(WAIT);
    TopicPartition zero = new TopicPartition("topic", 0);
    assertThat(records.records(zero)).extracting(ConsumerRecord::offset).containsExactly(4L, 5L);
    assertThat(records.count()).isEqualTo(3);
    assertThat(records.nextOffsets())
        .containsEntry(zero, new OffsetAndMetadata(6))
        .containsEntry(new TopicPartition("topic", 1), new OffsetAndMetadata(8));
    assertThat(waits).containsExactly(WAIT, Duration.ZERO, Duration.ZERO, Duration.ZERO);
    assertThat(poll()).isEmpty();
  }

  @Test
  void aPollEndsAtABoundInBytesAndAtOneInRecords() {
    for (int i = 0; i < 3; i++) {
      write(0, i, OneAtATime.ENOUGH_BYTES / 2);
    }
    assertThat(poll()).containsExactly("0@0", "0@1");
    assertThat(poll()).containsExactly("0@2");
    for (int i = 0; i <= MOST; i++) {
      write(0, i, 1);
    }
    assertThat(poll()).hasSize(MOST);
    assertThat(poll()).hasSize(1);
  }

  @Test
  void whatWasReadBeforeAFailureIsReturnedAndTheFailureComesNext() {
    write(0, 0, 1);
    log.add(new WakeupException());
    write(0, 1, 1);
    assertThat(poll()).containsExactly("0@0");
    assertThatThrownBy(this::poll).isInstanceOf(WakeupException.class);
    assertThat(poll()).containsExactly("0@1");
  }

  @Test
  void aFailureBeforeTheFirstRecordComesAtOnce() {
    log.add(new WakeupException());
    assertThatThrownBy(this::poll).isInstanceOf(WakeupException.class);
  }

  private void writeBomb(int offset) {
    ConsumerRecord<byte[], byte[]> bomb =
        new ConsumerRecord<>("topic", 0, offset, new byte[0], new byte[0]);
    for (int header = 0; header <= HeaderLimit.MOST; header++) {
      bomb.headers().add("", new byte[0]);
    }
    log.add(bomb);
  }

  @Test
  void aPollEndsBehindARecordOfVeryManyHeadersWhichTakesLongToRead() {
    write(0, 0, 1);
    writeBomb(1);
    writeBomb(2);
    write(0, 3, 1);
    assertThat(poll()).containsExactly("0@0", "0@1");
    assertThat(poll()).containsExactly("0@2");
    assertThat(poll()).containsExactly("0@3");
  }

  @Test
  void aRecordThatOnlySaysThatItWasCutIsLikeAnyOther() {
    for (int i = 0; i <= MOST; i++) {
      ConsumerRecord<byte[], byte[]> forged =
          new ConsumerRecord<>("topic", 0, i, new byte[0], new byte[0]);
      forged.headers().add(HeaderLimit.TRUNCATED, new byte[0]);
      log.add(forged);
    }
    assertThat(poll()).hasSize(MOST);
  }

  @Test
  void recordsOfAPartitionThatIsTakenAwayInTheSamePollAreDropped() {
    List<String> reported = new ArrayList<>();
    TopicPartition taken = new TopicPartition("topic", 1);
    ConsumerRebalanceListener listener =
        reader.watching(
            new ConsumerRebalanceListener() {
              @Override
              public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                reported.add("assigned " + partitions);
              }

              @Override
              public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                reported.add("revoked " + partitions);
              }

              @Override
              public void onPartitionsLost(Collection<TopicPartition> partitions) {
                reported.add("lost " + partitions);
              }
            });
    List<Consumer<List<TopicPartition>>> changes =
        List.of(listener::onPartitionsRevoked, listener::onPartitionsLost);
    for (Consumer<List<TopicPartition>> change : changes) {
      write(0, 3, 1);
      write(1, 4, 1);
      log.add((Runnable) () -> change.accept(List.of(taken)));
      write(0, 5, 1);
      ConsumerRecords<byte[], byte[]> records = reader.poll(WAIT);
      assertThat(records.partitions()).containsExactly(new TopicPartition("topic", 0));
      assertThat(records.nextOffsets()).doesNotContainKey(taken);
      assertThat(poll()).containsExactly("0@5");
    }
    listener.onPartitionsAssigned(List.of(taken));
    assertThat(reported)
        .containsExactly("revoked [topic-1]", "lost [topic-1]", "assigned [topic-1]");
  }
}
