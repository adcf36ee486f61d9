/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class LastUsesTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final UserId OTHER = UserId.parse("0a3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant NOW = Instant.parse("2026-11-24T12:00:00Z");
  private static final TopicPartition ACTIVITY = new TopicPartition("sandbox.activity", 0);

  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>("earliest") {
        @Override
        public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
            Map<TopicPartition, Long> times, Duration timeout) {
          return Map.of(ACTIVITY, new OffsetAndTimestamp(0, 0));
        }
      };

  private Map<UserId, Instant> read(Duration limit) {
    consumer.assign(List.of(ACTIVITY));
    consumer.updateEndOffsets(Map.of(ACTIVITY, 1L));
    consumer.schedulePollTask(() -> consumer.addRecord(activity()));
    try (RangeReader reader = new RangeReader(consumer, "sandbox.")) {
      return LastUses.read(reader, reader.since(NOW.minusSeconds(300), List.of(ACTIVITY)), limit);
    }
  }

  private static ConsumerRecord<byte[], byte[]> activity() {
    Activity activity = new Activity("a", USER, NOW, "svc");
    EventCodec codec = new EventCodec();
    return new ConsumerRecord<>(
        ACTIVITY.topic(),
        0,
        0,
        NOW.toEpochMilli(),
        TimestampType.LOG_APPEND_TIME,
        0,
        0,
        codec.key(activity),
        codec.encode(activity),
        new RecordHeaders(),
        Optional.empty());
  }

  @Test
  void usesAreReadUpToTheEnd() {
    assertThat(read(Duration.ofSeconds(60))).isEqualTo(Map.of(USER, NOW));
  }

  /** The newest ones are missing, and what was read would be taken for them. */
  @Test
  void usesThatCannotBeReadInTimeAreNotKnown() {
    assertThat(read(Duration.ZERO)).isNull();
  }

  @Test
  void anIdleTimeThatIsNotKnownIsNotShown() {
    StringWriter err = new StringWriter();
    PrintWriter to = new PrintWriter(err, true);
    KnownSandboxes known =
        new KnownSandboxes(
            Map.of(
                "c1", new LiveSandbox(USER, "c1", "h1", "w1", NOW.minusSeconds(60)),
                "c2", new LiveSandbox(OTHER, "c2", "h1", "w1", NOW.minusSeconds(60))),
            null,
            Map.of(OTHER, 1));
    known.tellGaps(new Console(Map.of(), to, to, false));

    // A command that runs is use.
    assertThat(new AllHosts(known, NOW).text(false).lines().skip(1))
        .containsExactly(
            OTHER + "  default  h1    w1      1m0s  0s    1     c2",
            USER + "  default  h1    w1      1m0s  -     0     c1");
    assertThat(err.toString())
        .isEqualTo(
            "idle times are not known: what was written within the idle TTL could not be read"
                + " within 5s\n");
  }
}
