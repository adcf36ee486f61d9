/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

class ReplayTest {
  private static LogRecord record(Topic topic, byte[] value) {
    return new LogRecord(topic, new ConsumerRecord<>(topic.named("sandbox."), 0, 0, null, value));
  }

  /** As many as are folded behind the reader are in memory at once. */
  @Test
  void aBatchOfLargeRecordsHasFewOfThem() throws Exception {
    int size = 256 << 10;
    List<LogRecord> records = Collections.nCopies(1_000, record(Topic.DEAD_LETTER, new byte[size]));
    List<Long> counts = new ArrayList<>(List.of(0L));
    new Replay(Histories.RULES, _ -> {}, (_, count) -> counts.add(count))
        .run(new ListSource(records, 9_000));
    assertThat(counts.getLast()).isEqualTo(records.size());
    for (int i = 1; i < counts.size(); i++) {
      assertThat((counts.get(i) - counts.get(i - 1)) * size)
          .isLessThanOrEqualTo(Replay.BATCH_BYTES);
    }
  }

  @Test
  void anErrorOfAThreadThatFoldsIsNotHidden() {
    ListSource source =
        new ListSource(List.of(record(Topic.DEAD_LETTER, null)), 9_000) {
          @Override
          public LogRecord next() {
            LogRecord record = super.next();
            return record == null ? null : new LogRecord(record.topic(), new Exhausting());
          }
        };
    Replay replay = new Replay(Histories.RULES, _ -> {}, (_, _) -> {});
    assertThatThrownBy(() -> replay.run(source)).isInstanceOf(OutOfMemoryError.class);
  }

  /** A record that exhausts the memory when its headers are read. */
  private static final class Exhausting extends ConsumerRecord<byte[], byte[]> {
    Exhausting() {
      super("sandbox.dlq", 0, 0, null, null);
    }

    @Override
    public org.apache.kafka.common.header.Headers headers() {
      throw new OutOfMemoryError("Java heap space");
    }
  }
}
